import { html } from "hono/html";
import type { Repo, Run, Runner } from "../model.ts";
import { jobsOf } from "../payloads/actions.ts";
import { installationOf } from "../population.ts";
import { runnersOf } from "../runners.ts";
import type { World } from "../world.ts";
import { icon, lookOf, overall } from "./icons.ts";
import { type Html, layout, moment } from "./layout.ts";

/** The front page: every repository with its runs and runners, and how the webhooks fare. */
export function frontPage(world: World): Html {
  const repos = [...world.repos.values()];
  const body = html`
    ${violations(world)}
    ${repos.length === 0 ? html`<p>There is no repository yet.</p>` : repos.map((repo) => repository(world, repo))}
    ${deliveries(world)}
  `;
  return layout({ title: "GitHub, emulated", body, live: true });
}

function violations(world: World): Html {
  if (world.violations.length === 0) return html``;
  return html`<article class="alarm">
    <h2>${world.violations.length} exchanges did not fit GitHub's description</h2>
    <ul>
      ${world.violations.slice(-20).map((violation) => html`<li>${violation}</li>`)}
    </ul>
  </article>`;
}

function repository(world: World, repo: Repo): Html {
  const runs = [...world.runs.values()].filter((run) => run.repo === repo).reverse();
  const runners = runnersOf(world, repo);
  return html`<section id="${repo.fullName}">
    <hgroup class="repo">
      <h2>${repo.fullName} <span class="chip">${repo.private ? "Private" : "Public"}</span></h2>
      <p>${installationOf(world, repo) ? "Mayfly is installed" : "Mayfly is not installed"}</p>
    </hgroup>
    <div class="box">
      <h3>Workflow runs</h3>
      ${runs.length === 0 ? html`<p class="quiet">None yet.</p>` : runs.slice(0, 50).map((run) => runRow(world, run))}
    </div>
    <div class="box">
      <h3>Runners</h3>
      ${runners.length === 0 ? html`<p class="quiet">None is registered.</p>` : runners.map(runnerRow)}
    </div>
  </section>`;
}

function runRow(world: World, run: Run): Html {
  const jobs = jobsOf(world, run);
  const page = `/${run.repo.fullName}/commit/${run.headSha}/checks`;
  return html`<a class="row" href="${page}">
    ${icon(overall(jobs.map(lookOf)))}
    <span class="grow"><strong>${run.name}</strong> #${run.number}<br />
      <small>${run.event} on ${run.headBranch} by ${run.actor}${run.attempt > 1 ? html`, attempt ${run.attempt}` : ""}</small></span>
    <span class="icons">${jobs.map((job) => icon(lookOf(job)))}</span>
    <code>${run.headSha.slice(0, 7)}</code>
    <small>${moment(run.createdAt)}</small>
  </a>`;
}

function runnerRow(runner: Runner): Html {
  const state = runner.job ? "busy" : runner.session ? "idle" : "offline";
  return html`<div class="row">
    <span class="dot ${state}"></span>
    <span class="grow"><strong>${runner.name}</strong>${runner.job ? html` runs ${runner.job.name}` : ""}</span>
    ${runner.labels.map((label) => html`<span class="chip">${label}</span>`)}
    <small>${state}</small>
  </div>`;
}

function deliveries(world: World): Html {
  if (world.deliveries.length === 0) return html``;
  return html`<details class="box">
    <summary>${world.deliveries.length} webhooks sent</summary>
    ${world.deliveries
      .slice(-100)
      .reverse()
      .map(
        (delivery) => html`<div class="row">
          ${icon(delivery.status === "OK" ? "success" : delivery.status === "pending" ? "in_progress" : "failure")}
          <span class="grow">${delivery.event}.${delivery.action} <small>${delivery.guid}</small></span>
          <small>${delivery.status}, ${delivery.durationMs} ms, ${moment(delivery.deliveredAt)}</small>
        </div>`,
      )}
  </details>`;
}
