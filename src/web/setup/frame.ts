import type { Context } from "hono";
import { html } from "hono/html";
import { type Html, layout, link, wordPage } from "../layout.ts";

const STEPS = ["Where", "Make the App", "Install it", "First job"] as const;

export type Step = (typeof STEPS)[number];

/** A step of the wizard, with how far one is. */
export const stepBody = (step: Step, heading: string, body: Html): Html => html`${progress(step)}
  <article class="setup"><h1>${heading}</h1>${body}</article>`;

function progress(step: Step): Html {
  const now = STEPS.indexOf(step);
  const items = STEPS.map((name, index) => {
    if (index === now) return html`<li aria-current="step">${name}</li>`;
    return html`<li class="${index < now ? "done" : ""}">${name}${index < now ? html`<span class="hidden"> (done)</span>` : ""}</li>`;
  });
  return html`<ol class="steps" aria-label="Steps">${items}</ol>`;
}

export const stepPage = (step: Step, heading: string, body: Html): Html =>
  layout({ title: heading, body: stepBody(step, heading, body) });

export type Sorry = {
  status: 400 | 403 | 404 | 413 | 500 | 502;
  title: string;
  sentences: readonly string[];
  more?: Html;
};

const onward = html`<p>${link("/setup", "Go on with the set-up")}</p>`;

/** A page that says what went wrong, and what to do. */
export const sorry = (
  c: Context,
  { status, title, sentences, more = onward }: Sorry,
): Response | Promise<Response> => c.html(layout({ title, body: wordPage(title, sentences, more) }), status);

/** What is wrong with what was sent. */
export const faultList = (faults: readonly string[]): Html =>
  faults.length === 0
    ? html``
    : html`<div class="faults" role="alert">${faults.map((fault) => html`<p class="fault">${fault}</p>`)}</div>`;
