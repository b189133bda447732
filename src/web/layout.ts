import { html } from "hono/html";
import { span } from "../core/markdown.ts";
import { assetUrl } from "./assets.ts";

/** NB: `html` escapes whatever is put into it: names and logs come from outside. */
export type Html = ReturnType<typeof html>;

/** Who looks at a page. NB: what is shown to them may be a minute old; what they do is asked for anew. */
export type Viewer = {
  login: string;
  isOperator: boolean;
  sees: (repo: string) => boolean;
  /** False, too, if GitHub cannot be asked. */
  writes: (repo: string) => Promise<boolean>;
};

export type Page = {
  title: string;
  body: Html;
  viewer?: Viewer | undefined;
  /** Where the body is sent again whenever it has changed. */
  liveAt?: string | undefined;
};

const RELOAD_SECONDS = 15;

/** A whole page. All of it works without the script, which only keeps the body new. */
export function layout({ title, body, viewer, liveAt }: Page): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Mayfly</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="${assetUrl("pico.css")}" />
        <link rel="stylesheet" href="${assetUrl("style.css")}" />
        ${liveAt === undefined ? "" : html`<noscript><meta http-equiv="refresh" content="${RELOAD_SECONDS}" /></noscript>`}
        <script type="module" src="${assetUrl("live.js")}"></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header class="top container">
          <a class="brand" href="/">Mayfly</a>
          ${liveAt === undefined ? "" : html`<span id="line" class="line" role="status"></span>`}
          ${viewer === undefined ? "" : html`<a class="place" href="/settings">Settings</a> ${whoIsThere(viewer)}`}
        </header>
        <main class="container" id="content" ${liveAt === undefined ? "" : html`data-live="${liveAt}"`}>${body}</main>
        ${viewer === undefined ? "" : html`<footer class="container quiet"><small>Times are UTC.</small></footer>`}
      </body>
    </html>`;
}

const whoIsThere = ({ login, isOperator }: Viewer): Html => html`<form
  class="who"
  method="post"
  action="/sign-out"
>
  <span>${login}${isOperator ? html` <small>operator</small>` : ""}</span>
  <button class="outline secondary small" id="sign-out">Sign out</button>
</form>`;

/** A page that says one thing. */
export function wordPage(title: string, sentences: readonly string[], more: Html = html``): Html {
  return html`<article class="word"><h1>${title}</h1>${sentences.map((sentence) => html`<p>${sentence}</p>`)}${more}</article>`;
}

export const link = (href: string, text: string): Html => html`<a href="${href}">${text}</a>`;

/** To another site. NB: what is no address of the web is text. */
export const linkOut = (href: string, text: string): Html =>
  /^https?:\/\//.test(href) ? html`<a href="${href}" rel="noreferrer">${text}</a>` : html`${text}`;

export const jobLink = (id: number, text: string): Html => link(`/jobs/${id}`, text);

export const machineLink = (name: string): Html => link(`/machines/${encodeURIComponent(name)}`, name);

/** `2026-11-23 12:00:05`, UTC, with the day only if it is another one. */
export function moment(at: number, now: number): Html {
  const text = new Date(at).toISOString();
  const isToday = text.slice(0, 10) === new Date(now).toISOString().slice(0, 10);
  return html`<time datetime="${text}" title="${text}">${isToday ? "" : `${text.slice(0, 10)} `}${text.slice(11, 19)}</time>`;
}

/** `3 min ago`. */
export function ago(at: number, now: number): Html {
  const text = new Date(at).toISOString();
  return html`<time datetime="${text}" title="${text}">${span(now - at)} ago</time>`;
}

/** One word with the colour of what it means. */
export const badge = (word: string, look: Look): Html => html`<span class="badge ${look}">${word}</span>`;

export type Look = "good" | "bad" | "busy" | "waiting" | "quiet";

export type Column = { name: string; isWide?: boolean; isNumber?: boolean };

/** A table; on a phone the columns that are wide are left out. `what`: its heading. */
export function table(
  what: string,
  columns: readonly Column[],
  rows: readonly (readonly (Html | string)[])[],
): Html {
  const classOf = ({ isWide, isNumber }: Column = { name: "" }) =>
    [isWide ? "wide" : "", isNumber ? "number" : ""].join(" ").trim();
  return html`<table aria-label="${what}">
    <thead>
      <tr>${columns.map((column) => (column.name === "" ? html`<td></td>` : html`<th scope="col" class="${classOf(column)}">${column.name}</th>`))}</tr>
    </thead>
    <tbody>
      ${rows.map(
        (cells) =>
          html`<tr>${cells.map((cell, index) => html`<td class="${classOf(columns[index])}">${cell}</td>`)}</tr>`,
      )}
    </tbody>
  </table>`;
}

/** A part of a page with its heading; without a content it is left out, or says that there is none. */
export function section(heading: string, content: Html | undefined, none?: string): Html {
  if (content === undefined && none === undefined) return html``;
  return html`<section><h2>${heading}</h2>${content ?? html`<p class="quiet">${none}</p>`}</section>`;
}

/** A button that does something at once. */
export const button = (
  action: string,
  text: string,
  id: string,
): Html => html`<form method="post" action="${action}">
  <button class="outline secondary small" id="${id}">${text}</button>
</form>`;

/** A button that asks first. */
export const carefulButton = (action: string, { text, question, sure, id }: Careful): Html => html`<details
  class="careful"
  id="${id}"
>
  <summary class="outline secondary" role="button">${text}</summary>
  <form method="post" action="${action}">
    <p>${question}</p>
    <button class="danger" id="${id}-sure">${sure}</button>
  </form>
</details>`;

export type Careful = { text: string; question: string; sure: string; id: string };
