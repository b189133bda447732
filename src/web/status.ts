import { html } from "hono/html";
import { imagesOf } from "../control/images.ts";
import {
  type JobView,
  type MachineView,
  type Overview,
  outsideOf,
  overviewOf,
  type PoolView,
} from "../control/overview.ts";
import { waitingHold } from "../core/holds.ts";
import { likelyWords } from "../core/likely.ts";
import { span } from "../core/markdown.ts";
import type { World } from "../core/world.ts";
import { imageSection } from "./images.ts";
import { ago, type Html, jobLink, machineLink, section, table, type Viewer } from "./layout.ts";
import { phase, stands } from "./look.ts";
import type { PagesParts } from "./parts.ts";
import { failuresLately, overLately } from "./past.ts";
import { hostSection, repositorySection, siteSections } from "./site.ts";

/** Enough to know what is usual. */
const REMEMBERED = 200;
const MOST_ROWS = 100;

/** Everything that there is now, as far as this viewer may see it. */
export async function statusBody(parts: PagesParts, viewer: Viewer): Promise<Html> {
  const lately = await parts.store.lately(REMEMBERED);
  const world = parts.world();
  const known = [...lately.machines, ...world.state.machines.values()];
  const all = overviewOf(world, outsideOf(parts), known);
  const { at, machines, pools, jobs } = visible(all, viewer);
  const queue = jobs.filter(({ is }) => is !== "running" && is !== "done");
  const running = jobs.filter(({ is }) => is === "running");
  return html`<h1>${headline(queue, running)}</h1>
    ${section("Queue", queueTable(queue, at), "No job waits.")}
    ${section("Running", runningTable(running, at))}
    ${viewer.isOperator ? hostSection(all, world) : ""}
    ${viewer.isOperator ? repositorySection(all, world) : ""}
    ${viewer.isOperator ? imageSection(imagesOf(world)) : ""}
    ${section("Machines", machineTable(machines, at))}
    ${section("Pools", poolTable(pools))}
    ${holdList(world, viewer)}
    ${failuresLately(known, viewer, at)}
    ${overLately(lately.jobs, viewer, at)}
    ${viewer.isOperator ? siteSections(all, lately.rest) : ""}`;
}

function visible(all: Overview, viewer: Viewer): Overview {
  const isVisible = ({ repo }: { repo: string }) => viewer.isOperator || viewer.sees(repo);
  return {
    ...all,
    jobs: all.jobs.filter((job) => job.isOurs && isVisible(job)),
    machines: all.machines.filter(isVisible),
    pools: all.pools.filter(isVisible),
  };
}

/** `2 jobs run, 1 boots, 3 wait`. */
function headline(queue: readonly JobView[], running: readonly JobView[]): string {
  const booting = queue.filter(({ is }) => is === "booting").length;
  const counts = [
    [running.length, "running"],
    [booting, "booting"],
    [queue.length - booting, "in the queue"],
  ] as const;
  const told = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return told.length === 0 ? "All quiet" : told.join(", ");
}

function queueTable(queue: readonly JobView[], at: number): Html | undefined {
  if (queue.length === 0) return undefined;
  const columns = [
    { name: "Job" },
    { name: "Repository", isWide: true },
    { name: "Stands" },
    { name: "Queued" },
  ];
  const rows = queue
    .slice(0, MOST_ROWS)
    .map(({ id, name, repo, queuedAt, is, text, likelyMs }) => [
      jobLink(id, name),
      repo,
      html`${stands(is)} ${text} ${likely(likelyMs)}`,
      ago(queuedAt, at),
    ]);
  return html`${table("Jobs that wait", columns, rows)}${more(queue.length - MOST_ROWS)}`;
}

const likely = (likelyMs: number | undefined): Html =>
  likelyMs === undefined ? html`` : html`<span class="likely">likely wait: ${likelyWords(likelyMs)}</span>`;

function runningTable(running: readonly JobView[], at: number): Html | undefined {
  if (running.length === 0) return undefined;
  const columns = [
    { name: "Job" },
    { name: "Repository", isWide: true },
    { name: "Machine" },
    { name: "Queued" },
  ];
  const rows = running
    .slice(0, MOST_ROWS)
    .map(({ id, name, repo, queuedAt, ranOn }) => [
      jobLink(id, name),
      repo,
      ranOn === undefined ? "not named yet" : machineLink(ranOn),
      ago(queuedAt, at),
    ]);
  return html`${table("Jobs that run", columns, rows)}${more(running.length - MOST_ROWS)}`;
}

function machineTable(machines: readonly MachineView[], at: number): Html | undefined {
  if (machines.length === 0) return undefined;
  const columns = [
    { name: "Machine" },
    { name: "Image", isWide: true },
    { name: "Host", isWide: true },
    { name: "Phase" },
    { name: "Job", isWide: true },
    { name: "Age", isNumber: true },
  ];
  const rows = machines
    .slice(0, MOST_ROWS)
    .map(({ name, image, host, phase: word, why, createdAt, job }) => [
      machineLink(name),
      image,
      host,
      html`${phase(word)} <span class="quiet">${why ?? ""}</span>`,
      job === undefined ? "" : jobLink(job, String(job)),
      span(at - createdAt),
    ]);
  return html`${table("Machines", columns, rows)}${more(machines.length - MOST_ROWS)}`;
}

function poolTable(pools: readonly PoolView[]): Html | undefined {
  if (pools.length === 0) return undefined;
  const columns = [
    { name: "Repository" },
    { name: "Image" },
    ...["Waiting", "Coming", "Working"].map((name) => ({ name, isNumber: true })),
    { name: "Hot", isNumber: true, isWide: true },
  ];
  const rows = pools.map(({ repo, image, waiting, coming, working, hot }) => [
    repo,
    image,
    ...[waiting, coming, working, hot].map(String),
  ]);
  return table("Pools", columns, rows);
}

/** Whose next machine that fails is held. */
function holdList({ state, now }: World, viewer: Viewer): Html {
  const asked = [...state.holds.keys()].flatMap((key) => {
    const [repo = "", image = ""] = key.split(" ");
    const hold = waitingHold(state, { repo, image }, now);
    return hold && (viewer.isOperator || viewer.sees(repo)) ? [{ repo, image, ...hold }] : [];
  });
  return html`${asked.map(
    ({ repo, image, by, at }) =>
      html`<p class="quiet">${by} asked ${ago(at, now)} for the next machine of ${image} for ${repo} that fails to be held.</p>`,
  )}`;
}

const more = (count: number): Html => (count <= 0 ? html`` : html`<p class="quiet">And ${count} more.</p>`);
