import { html, raw } from "hono/html";
import type { CheckRun, Job, Repo, Run } from "../model.ts";
import { jobsOf } from "../payloads/actions.ts";
import type { World } from "../world.ts";
import { icon, type Look, lookOf, overall, WORDS } from "./icons.ts";
import { duration, type Html, layout, moment } from "./layout.ts";
import { markdownToHtml } from "./markdown.ts";

/** A commit's checks as GitHub shows them: the App's check runs, and the jobs of its workflow runs with their logs. */
export function commitPage(world: World, repo: Repo, sha: string): Html | undefined {
  const checks = [...world.checkRuns.values()].filter(
    (check) => check.repo === repo && check.headSha === sha,
  );
  const runs = [...world.runs.values()].filter((run) => run.repo === repo && run.headSha === sha);
  if (checks.length === 0 && runs.length === 0) return undefined;
  const jobs = runs.flatMap((run) => jobsOf(world, run));
  const looks = [...checks, ...jobs].map(lookOf);
  const body = html`
    ${heading(repo, sha, runs[0])}
    <p class="verdict">${icon(overall(looks))} ${verdict(looks)}</p>
    <div class="checks">
      <aside>
        ${group("Mayfly", checks)}
        ${runs.map((run) => group(`${run.name} #${run.number}`, jobsOf(world, run)))}
      </aside>
      <div>${checks.map((check) => checkCard(check))}${jobs.map(jobCard)}</div>
    </div>
  `;
  return layout({ title: `Checks of ${repo.fullName}@${sha.slice(0, 7)}`, body, live: looks.some(isOpen) });
}

const isOpen = (look: Look): boolean => look === "queued" || look === "waiting" || look === "in_progress";

function heading(repo: Repo, sha: string, run: Run | undefined): Html {
  return html`<hgroup>
    <p><a href="/#${repo.fullName}">${repo.fullName}</a></p>
    <h1>Checks <code>${sha.slice(0, 7)}</code></h1>
    ${run ? html`<p>${run.event} on <code>${run.headBranch}</code> by ${run.actor}</p>` : ""}
  </hgroup>`;
}

/** "3 successful, 1 failed". */
function verdict(looks: readonly Look[]): string {
  const counts = new Map<Look, number>();
  for (const look of looks) counts.set(look, (counts.get(look) ?? 0) + 1);
  return [...counts].map(([look, count]) => `${count} ${WORDS[look].toLowerCase()}`).join(", ");
}

function group(title: string, things: readonly (CheckRun | Job)[]): Html {
  if (things.length === 0) return html``;
  return html`<h2>${title}</h2>
    <nav>
      ${things.map(
        (thing) => html`<a class="row" href="#check-${thing.id}">
          ${icon(lookOf(thing))}<span class="grow">${thing.name}</span><small>${tookText(thing)}</small>
        </a>`,
      )}
    </nav>`;
}

function tookText(thing: CheckRun | Job): string {
  if (thing.startedAt === undefined || thing.completedAt === undefined) return "";
  return duration(thing.completedAt - thing.startedAt);
}

function checkCard(check: CheckRun): Html {
  const { title, summary, text } = check.output;
  return html`<article class="card" id="check-${check.id}">
    ${cardHead(check)}
    <h3>${title ?? WORDS[lookOf(check)]}</h3>
    ${summary ? html`<div class="markdown">${raw(markdownToHtml(summary))}</div>` : ""}
    ${text ? html`<div class="markdown">${raw(markdownToHtml(text))}</div>` : ""}
    ${check.status === "completed" ? buttons(check) : ""}
  </article>`;
}

function cardHead(thing: CheckRun | Job): Html {
  const look = lookOf(thing);
  return html`<header class="row">
    ${icon(look)}
    <h2 class="grow">${thing.name}</h2>
    <small>${WORDS[look]}${timing(thing)}</small>
  </header>`;
}

function timing({ status, startedAt, completedAt }: CheckRun | Job): Html {
  if (startedAt === undefined || status === "queued") return html``;
  if (completedAt === undefined) return html`, started ${moment(startedAt)}`;
  return html` in ${duration(completedAt - startedAt)}, ${moment(completedAt)}`;
}

/** NB: GitHub shows a check run's buttons once it is completed, and "Re-run" beside them. */
function buttons(check: CheckRun): Html {
  const page = `/${check.repo.fullName}/runs/${check.id}`;
  return html`<footer class="row">
    ${check.actions.map(
      ({ label, description, identifier }) => html`<form method="post" action="${page}/actions/${identifier}">
        <button class="secondary outline" title="${description}">${label}</button>
      </form>`,
    )}
    <form method="post" action="${page}/rerequest"><button class="secondary outline">Re-run</button></form>
  </footer>`;
}

function jobCard(job: Job): Html {
  return html`<article class="card" id="check-${job.id}">
    ${cardHead(job)}
    <p class="facts">
      ${job.labels.map((label) => html`<span class="chip">${label}</span>`)}
      ${job.runner ? html`<small>on <strong>${job.runner.name}</strong></small>` : ""}
      <small>queued ${moment(job.createdAt)}</small>
    </p>
    ${job.log === "" ? html`<p class="quiet">No log.</p>` : html`<pre class="log">${job.log}</pre>`}
  </article>`;
}
