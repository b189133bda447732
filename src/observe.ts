import type { Logger } from "pino";
import { type Asked, asked, questionsTo } from "./asked.ts";
import type { CloudImageSeen } from "./core/clouds.ts";
import type { State } from "./core/facts.ts";
import type { HostRoom } from "./core/host-room.ts";
import { parseName } from "./core/name.ts";
import { hasAccess } from "./core/pools.ts";
import type { Machine, MachineName, RepoName, Seen, Stranger } from "./core/types.ts";
import { type HostRooms, hostRooms } from "./host-room.ts";
import { ageWarnings } from "./image-warnings.ts";
import type { Clock, Driver, GitHub, Guests, Ring, RunnerSeen, VmSeen } from "./ports.ts";
import { type Source, source } from "./source.ts";

export type ObserverParts = {
  controller: string;
  drivers: ReadonlyMap<string, Driver>;
  /** Repositories that the catalogue serves. */
  repositories: readonly RepoName[];
  github: GitHub;
  guests: Guests;
  clock: Clock;
  ring: Ring;
  log: Logger;
};

/** What the sources said last. Asking never holds up a pass: answers come later, and ring. */
export type Observer = {
  /** NB: repositories without the App cannot be asked, and are not waited for. */
  seen: (machine: Machine, state: Pick<State, "withoutAccess">) => Seen;
  strangers: (state: State) => Stranger[];
  /** Hosts whose last look succeeded. NB: none until all have answered once, or had a minute to: before that nobody knows how full they are. */
  reachable: () => ReadonlySet<string>;
  /** What the hosts have room for besides what the catalogue says, also by what became of the machines on them. */
  hostRoom: (state: Pick<State, "machines">) => ReadonlyMap<string, HostRoom>;
  /** By host: its cloud images, where there are such. */
  cloudImages: Asked<CloudImageSeen[]>["answers"];
  /** A cloud image of the host has another standing. */
  noteImagesChanged: (host: string) => void;
  /** A host had no room for an order. */
  noteRefusal: HostRooms["noteRefusal"];
  /** Asks each host that is due, and answers when the next one will be. */
  askHosts: (state: State) => number;
  /**
   * Asks GitHub about the runners of these repositories, if it was not asked a moment ago, and about those of the others now
   * and then. Answers when the next question is due.
   */
  askRunners: (repos: Iterable<RepoName>) => number;
  /** The runner of that name, in whatever repository it is listed. */
  runnerOf: (name: MachineName) => { repo: RepoName; id: number } | undefined;
  /** GitHub removed the runner: no need to ask again. */
  noteRemoved: (name: MachineName) => void;
  /** The row is gone; a list that was asked for before does not make a stranger of it. */
  noteForgotten: (name: MachineName) => void;
};

/** How often a host is asked while a machine of ours is on it, and otherwise. */
const BUSY_HOST_MS = 2000;
const QUIET_HOST_MS = 60_000;
const HOST_LIMIT_MS = 30_000;
/** Images are built now and then only. */
const IMAGES_MS = 5 * 60_000;
/** How long a host that cannot be asked keeps a controller that just started from ordering machines elsewhere. */
const SURVEY_MS = 60_000;
/** Several machines of a repository may be in doubt at once: one question serves them all. */
const RUNNERS_MS = 5000;
/** Runners without a row are looked for this often. */
const QUIET_RUNNERS_MS = 10 * 60_000;
const RUNNERS_LIMIT_MS = 60_000;
/** A list is at most this late; a name forgotten longer ago is remembered no more. */
const REMEMBER_MS = 10 * 60_000;

export function observer(parts: ObserverParts): Observer {
  const { clock, ring, log, guests, controller } = parts;
  const hosts = new Map<string, Source<VmSeen>>();
  for (const [name, driver] of parts.drivers) {
    hosts.set(
      name,
      source({ name, list: (signal) => driver.list(signal), limitMs: HOST_LIMIT_MS, clock, ring, log }),
    );
  }
  const rooms = hostRooms(parts);
  const images = asked({
    what: "for its cloud images",
    questions: questionsTo(parts.drivers, ({ cloudImages }) => cloudImages?.list),
    heard: ageWarnings({ clock, log }),
    ...{ everyMs: IMAGES_MS, limitMs: HOST_LIMIT_MS, clock, ring, log },
  });
  const repos = new Map<RepoName, Source<RunnerSeen>>();
  const addRepo = (name: RepoName) => {
    const list = (signal: AbortSignal) => parts.github.runners(name, signal);
    repos.set(name, source({ name, list, limitMs: RUNNERS_LIMIT_MS, clock, ring, log }));
  };
  for (const name of parts.repositories) addRepo(name);
  const onlineAt = new Map<MachineName, number>();
  const removedAt = new Map<MachineName, number>();
  const forgottenAt = new Map<MachineName, number>();

  const surveyEndsAt = clock.now() + SURVEY_MS;
  const isSurveyed = () =>
    clock.now() >= surveyEndsAt || Array.from(hosts.values()).every((from) => from.askedAt() !== undefined);

  function runnersFor(machine: Machine, state: Pick<State, "withoutAccess">): RunnerView {
    if (machine.repo !== "") return viewOne(repos.get(machine.repo), machine.name);
    const open = Array.from(repos).filter(([repo]) => hasAccess({ repo }, state));
    return viewAll(new Map(open), machine.name);
  }

  function seen(machine: Machine, state: Pick<State, "withoutAccess">): Seen {
    const { name } = machine;
    const view = withoutRemoved(runnersFor(machine, state), machine, removedAt.get(name));
    if (view.runner === "idle" || view.runner === "busy") onlineAt.set(name, view.runnerAskedAt ?? 0);
    return {
      ...viewVm(hosts.get(machine.host), name),
      ...view,
      runnerOnlineAt: onlineAt.get(name),
      polling: guests.polling().has(name),
      heardAt: guests.heardAt(name),
    };
  }

  function strangers(state: State): Stranger[] {
    const found = new Map<MachineName, Stranger>();
    const consider = (
      name: string,
      askedAt: number | undefined,
      where: { host: string } | { repo: RepoName },
    ) => {
      if (state.machines.has(name) || (askedAt ?? 0) <= (forgottenAt.get(name) ?? 0)) return;
      const read = parseName(controller, name);
      if (read !== "not ours") found.set(name, { name, image: read.image, ...found.get(name), ...where });
    };
    for (const [host, from] of hosts) {
      if (!isTrusted(from)) continue;
      for (const name of from.things().keys()) consider(name, from.askedAt(), { host });
    }
    // NB: a runner tells nothing of its host; only when no host has its VM is it a stranger of its own.
    for (const [repo, from] of isSurveyed() ? repos : []) {
      if (!isTrusted(from)) continue;
      for (const name of from.things().keys()) {
        if ((removedAt.get(name) ?? 0) < (from.askedAt() ?? 0)) consider(name, from.askedAt(), { repo });
      }
    }
    return [...found.values()];
  }

  return {
    seen,
    strangers,
    reachable: () => {
      if (!isSurveyed()) return new Set();
      return new Set(Array.from(hosts).flatMap(([name, from]) => (isTrusted(from) ? [name] : [])));
    },
    hostRoom: (state) => {
      for (const machine of state.machines.values())
        rooms.noteSeen(machine, viewVm(hosts.get(machine.host), machine.name));
      return rooms.of();
    },
    noteRefusal: rooms.noteRefusal,
    cloudImages: images.answers,
    noteImagesChanged: images.askAgain,
    askHosts: (state) => {
      const busy = new Set(Array.from(state.machines.values(), ({ host }) => host));
      const paceMs = (name: string) => (busy.has(name) ? BUSY_HOST_MS : QUIET_HOST_MS);
      return Math.min(askDue(hosts, paceMs, clock.now()), rooms.ask(), images.ask());
    },
    askRunners: (names) => {
      const wanted = new Set(names);
      // NB: machines may outlive their repository's entry in the catalogue; its runners have to go all the same.
      for (const name of wanted) if (!repos.has(name)) addRepo(name);
      return askDue(repos, (name) => (wanted.has(name) ? RUNNERS_MS : QUIET_RUNNERS_MS), clock.now());
    },
    runnerOf: (name) => {
      for (const [repo, from] of repos) {
        const runner = from.things().get(name);
        if (runner) return { repo, id: runner.id };
      }
      return undefined;
    },
    noteRemoved: (name) => void removedAt.set(name, clock.now()),
    noteForgotten: (name) => {
      for (const from of [...hosts.values(), ...repos.values()]) from.forget(name);
      onlineAt.delete(name);
      forgottenAt.set(name, clock.now());
      dropOlder(forgottenAt, clock.now() - REMEMBER_MS);
      dropOlder(removedAt, clock.now() - REMEMBER_MS);
    },
  };
}

/** Asks the sources that are due. Answers when the next will be. */
function askDue<T>(
  sources: ReadonlyMap<string, Source<T>>,
  everyMs: (name: string) => number,
  now: number,
): number {
  let next = Number.POSITIVE_INFINITY;
  for (const [name, from] of sources) {
    const at = from.nextAt(everyMs(name));
    if (at <= now) from.ask();
    else next = Math.min(next, at);
  }
  return next;
}

function viewVm(from: Source<VmSeen> | undefined, name: MachineName): VmView {
  const times = { vmAskedAt: from?.askedAt(), vmMissingSince: from?.missingSince(name) };
  if (!isTrusted(from)) return { vm: "unknown", ...times };
  const vm = from.things().get(name);
  const { state = "none", text, isNoRoom, cloudImage } = vm ?? {};
  return { vm: state, vmText: text, isNoRoom, cloudImage, ...times };
}

type VmView = Pick<Seen, "vm" | "vmText" | "isNoRoom" | "cloudImage" | "vmAskedAt" | "vmMissingSince">;

type RunnerView = Pick<
  Seen,
  "runner" | "runnerId" | "runnerAskedAt" | "runnerMissingSince" | "wasRunnerSeen" | "isRunnerRemoved"
>;

function viewOne(from: Source<RunnerSeen> | undefined, name: MachineName): RunnerView {
  const times = {
    runnerAskedAt: from?.askedAt(),
    runnerMissingSince: from?.missingSince(name),
    wasRunnerSeen: from?.wasSeen(name),
  };
  if (!isTrusted(from)) return { runner: "unknown", ...times };
  const runner = from.things().get(name);
  return { runner: runner?.state ?? "none", runnerId: runner?.id, ...times };
}

/** The last answer counts only as long as the source answers. */
const isTrusted = <T>(from: Source<T> | undefined): from is Source<T> =>
  from !== undefined && from.askedAt() !== undefined && !from.hasFailed();

/** NB: an adopted VM does not tell its repository. Its runner is gone only if every repository says so. */
function viewAll(repos: ReadonlyMap<RepoName, Source<RunnerSeen>>, name: MachineName): RunnerView {
  const views = Array.from(repos.values(), (from) => viewOne(from, name));
  if (views.length === 0) return { runner: "unknown" };
  const listed = views.find(({ runner }) => runner !== "none" && runner !== "unknown");
  if (listed) return listed;
  const unsure = views.find(({ runner }) => runner === "unknown");
  return {
    runner: unsure ? "unknown" : "none",
    runnerAskedAt: Math.min(...views.map(({ runnerAskedAt }) => runnerAskedAt ?? 0)),
    runnerMissingSince: Math.max(...views.map(({ runnerMissingSince }) => runnerMissingSince ?? 0)),
    wasRunnerSeen: views.some(({ wasRunnerSeen }) => wasRunnerSeen),
  };
}

/** GitHub's word that it removed the runner is worth more than any list asked for before. */
function withoutRemoved(view: RunnerView, machine: Machine, removedAt: number | undefined): RunnerView {
  const isOld = removedAt === undefined || removedAt < (machine.configuredAt ?? 0);
  if (isOld || (view.runnerAskedAt ?? 0) > removedAt) return view;
  return { runner: "none", runnerAskedAt: removedAt, isRunnerRemoved: true };
}

function dropOlder(times: Map<string, number>, before: number): void {
  for (const [name, at] of times) if (at < before) times.delete(name);
}
