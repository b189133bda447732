import { html } from "hono/html";
import { factWords } from "../control/answer.ts";
import type { HostView, Overview } from "../control/overview.ts";
import { ALL, type Fact } from "../core/facts.ts";
import type { Capacity } from "../core/host-room.ts";
import { span } from "../core/markdown.ts";
import { type Load, nothingTaken, take } from "../core/pools.ts";
import type { Host } from "../core/types.ts";
import type { World } from "../core/world.ts";
import type { Standing } from "../ports.ts";
import { badge, button, carefulButton, type Html, moment, section, table } from "./layout.ts";

const MOST_FACTS = 10;

/** Each host with its room, for operators. */
export function hostSection({ hosts }: Overview, { catalogue, state, hostRoom }: World): Html {
  const taken = nothingTaken();
  for (const machine of state.machines.values())
    if (machine.destroyedAt === undefined) take({ taken, catalogue, hostRoom }, machine);
  const columns = [
    { name: "Host" },
    { name: "Machines" },
    { name: "Room", isWide: true },
    { name: "State" },
    { name: "" },
  ];
  const rows = hosts.map((view) => {
    const host = catalogue.hosts.find(({ name }) => name === view.name);
    return [
      view.name,
      meter(view),
      roomWords(
        { ...host, ...smaller(host, hostRoom.get(view.name)?.capacity) },
        taken.onHost.get(view.name),
      ),
      hostState(view),
      drainButton(view),
    ];
  });
  return section("Hosts", table("Hosts", columns, rows));
}

/** What may be paused, for operators. */
export function repositorySection({ pools }: Overview, { catalogue, state: { paused } }: World): Html {
  const columns = [
    { name: "Repository" },
    { name: "Waiting", isNumber: true },
    { name: "Machines", isNumber: true, isWide: true },
    { name: "State" },
    { name: "" },
  ];
  const rows = catalogue.repositories.map(({ name, isPaused: isPausedBySettings }) => {
    const mine = pools.filter(({ repo }) => repo === name);
    const machines = mine.reduce((sum, { coming, working }) => sum + coming + working, 0);
    const waiting = mine.reduce((sum, one) => sum + one.waiting, 0);
    const isPaused = paused.has(name.toLowerCase());
    return [
      name,
      String(waiting),
      String(machines),
      orderState(isPaused || paused.has(ALL), isPausedBySettings),
      pauseButton(`/repositories/${name}`, name, isPaused),
    ];
  });
  return section(
    "Repositories",
    html`${table("Repositories", columns, rows)} ${pauseButton("", "all", paused.has(ALL))}`,
  );
}

function orderState(isPaused: boolean, isPausedBySettings = false): Html {
  if (!isPaused && !isPausedBySettings) return badge("served", "good");
  return html`${isPaused ? badge("paused", "waiting") : ""}
  ${isPausedBySettings ? badge("paused by its settings", "waiting") : ""}`;
}

function pauseButton(path: string, name: string, isPaused: boolean): Html {
  if (isPaused) return button(`${path}/resume`, name === "all" ? "Resume all" : "Resume", `resume-${name}`);
  return carefulButton(`${path}/pause`, {
    text: name === "all" ? "Pause all" : "Pause",
    question: "No more machines are ordered. Jobs wait; what runs or is on its way goes on.",
    sure: name === "all" ? "Pause all repositories" : `Pause ${name}`,
    id: `pause-${name}`,
  });
}

const meter = ({ name, machines, limit }: HostView): Html => html`<span class="meter">${machines} of ${limit}
  <progress value="${machines}" max="${limit}" aria-label="Machines on ${name}"></progress></span>`;

/** NB: a cloud's quota counts beside what the catalogue says. */
function smaller(host: Host | undefined, capacity: Capacity = {}): Pick<Capacity, "cpus" | "memoryMiB"> {
  const least = (...limits: (number | undefined)[]) => {
    const known = limits.filter((limit) => limit !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  };
  return {
    cpus: least(host?.cpus, capacity.cpus),
    memoryMiB: least(host?.memoryMiB, capacity.memoryMiB),
  };
}

function roomWords(
  host: Pick<Capacity, "cpus" | "memoryMiB">,
  load: Load = { machines: 0, cpus: 0, memoryMiB: 0 },
): string {
  const cpus = host.cpus === undefined ? [] : [`${host.cpus - load.cpus} of ${host.cpus} CPUs`];
  const gib = (mib: number) => Math.round(mib / 102.4) / 10;
  const memory =
    host.memoryMiB === undefined
      ? []
      : [`${gib(host.memoryMiB - load.memoryMiB)} of ${gib(host.memoryMiB)} GiB`];
  const free = [...cpus, ...memory];
  return free.length === 0 ? "not counted" : `${free.join(", ")} free`;
}

function hostState({ isReachable, isDrained, refusal }: HostView): Html {
  if (refusal && isReachable && !isDrained)
    return html`${badge("refuses", "waiting")} <span class="quiet">${refusal.text}</span>`;
  return html`${isReachable ? "" : badge("cannot be reached", "bad")}
  ${isDrained ? badge("drained", "waiting") : ""}
  ${isReachable && !isDrained ? badge("ready", "good") : ""}`;
}

function drainButton({ name, isDrained }: HostView): Html {
  const path = `/hosts/${encodeURIComponent(name)}`;
  if (isDrained) return button(`${path}/open`, "Open again", `open-${name}`);
  return carefulButton(`${path}/drain`, {
    text: "Drain",
    question: "It gets no more machines; those with work go on.",
    sure: `Drain ${name}`,
    id: `drain-${name}`,
  });
}

/** What has to do with the whole site, for operators. */
export function siteSections(
  { at, installations, relay, setAside, jobs }: Overview,
  rest: readonly Fact[],
): Html {
  const others = jobs.filter(({ isOurs }) => !isOurs).length;
  return html`${section("GitHub", githubTable(installations, at))}
    ${relay === undefined ? "" : html`<p class="quiet">Relay ${relay.relay}: ${relay.isConnected ? "connected" : "not connected"}, last event ${relay.lastEventAt === undefined ? "none yet" : moment(relay.lastEventAt, at)}.</p>`}
    ${setAside === 0 ? "" : html`<p class="quiet">Webhooks that failed every try and are set aside until the next start: ${setAside}. The log says why.</p>`}
    ${others === 0 ? "" : html`<p class="quiet">Open jobs that are not for Mayfly, since no image fits their labels: ${others}.</p>`}
    ${section("What has changed", factList(rest, at))}`;
}

function githubTable(installations: readonly Standing[], at: number): Html | undefined {
  if (installations.length === 0) return undefined;
  const columns = [
    { name: "Installation", isWide: true },
    { name: "Repositories" },
    { name: "Calls left" },
    { name: "State" },
  ];
  const rows = installations.map(({ installation, repositories, calls, limitedUntil }) => [
    String(installation),
    repositories.join(", "),
    calls === undefined
      ? "not known"
      : `${calls.left}${calls.limit === undefined ? "" : ` of ${calls.limit}`}`,
    limitedUntil === undefined
      ? badge("answers", "good")
      : badge(`limited for ${span(limitedUntil - at)}`, "bad"),
  ]);
  return table("Installations of the App", columns, rows);
}

function factList(rest: readonly Fact[], now: number): Html | undefined {
  if (rest.length === 0) return undefined;
  return html`<ol class="history">
    ${rest.slice(0, MOST_FACTS).map((fact) => html`<li>${moment(fact.at, now)} ${factWords(fact)}</li>`)}
  </ol>`;
}
