import type { Belief } from "./believe.ts";
import type { CloudImageSeen } from "./clouds.ts";
import type { Fact, State } from "./facts.ts";
import type { HostRoom } from "./host-room.ts";
import { LATE_EVENT_MS } from "./patience.ts";
import type { Story } from "./story.ts";
import type { Verdict } from "./trials.ts";
import type {
  Catalogue,
  Job,
  Machine,
  MachineName,
  Patience,
  RepoName,
  Seen,
  Stranger,
  Why,
} from "./types.ts";

/** Everything a pass looks at. */
export type World = {
  state: State;
  catalogue: Catalogue;
  patience: Patience;
  now: number;
  /** Start of the process. */
  since: number;
  seen: (machine: Machine) => Seen;
  strangers: readonly Stranger[];
  /** Hosts that could be asked at the last look. */
  reachable: ReadonlySet<string>;
  /** By host: the room that it has besides what the catalogue says. */
  hostRoom: ReadonlyMap<string, HostRoom>;
  /** By host: its cloud images. Hosts without are not in here, nor those that have not told yet. */
  cloudImages: ReadonlyMap<string, readonly CloudImageSeen[]>;
  /** Makes a fresh name for a machine of the image. */
  newName: (image: string) => MachineName;
};

/** Something to do outside, one at a time for each machine or job. */
export type Effect =
  | { do: "start" | "configure" | "deregister" | "release" | "destroy"; machine: MachineName }
  | { do: "retire"; machine: MachineName; why: Why }
  /** `digest` names what the job's check run is to tell of the story. See `report`. */
  | { do: "publish"; job: number; digest: string; story: Story }
  | { do: "cancel-run"; job: number; isForced: boolean }
  | { do: "look-up" | "look-up-run"; job: number }
  | { do: "end-trial"; host: string; family: string; cloudImage: string; verdict: Verdict };

export type Plan = {
  /** Decisions, to be written before anything is done. If there are any, plan again before acting on `effects`. */
  facts: Fact[];
  effects: Effect[];
  /** Repositories whose runners GitHub is to be asked about now. */
  ask: Set<RepoName>;
  /** When there is something to do again if nothing happens until then. */
  wakeAt: number | undefined;
};

/** A plan in the making. */
export type Draft = Plan & {
  /** True if the time has come; else the next pass is to run then at the latest. */
  isDue: (at: number) => boolean;
};

export function newDraft(now: number): Draft {
  const draft: Draft = {
    facts: [],
    effects: [],
    ask: new Set(),
    wakeAt: undefined,
    isDue: (at) => {
      if (at <= now) return true;
      draft.wakeAt = Math.min(draft.wakeAt ?? at, at);
      return false;
    },
  };
  return draft;
}

/** A machine with what is believed of it. */
export type Member = {
  machine: Machine;
  belief: Belief;
  /** The job that GitHub said runs, or ran, in it. */
  job: Job | undefined;
  /** It is retired, or about to be. */
  isLeaving: boolean;
  /** It failed before it had work, and that is about to be written down. */
  isFailing: boolean;
};

/**
 * Machines that a pool can count on: on their way; handed a registration and not yet at work; and at work on a job whose start
 * GitHub has not told yet, so that it still counts as waiting.
 * NB: a machine that is failing counts until its failure is written down: before that nobody knows how long its pool has to wait.
 */
export type Supply = { coming: Member[]; handed: Member[]; begun: Member[]; failing: Member[] };

export function supplyOf(members: readonly Member[], now: number): Supply {
  const staying = members.filter(
    ({ isLeaving, belief, job }) => !isLeaving && belief.runner !== "busy" && !job,
  );
  return {
    coming: staying.filter(
      ({ belief: { guest } }) => guest === "silent" || guest === "asking" || guest === "quiet",
    ),
    handed: staying.filter(({ belief: { guest } }) => guest === "configured"),
    begun: members.filter((member) => now < untoldUntil(member)),
    failing: members.filter(({ isFailing }) => isFailing),
  };
}

/**
 * Until when the event of the job that a guest has begun is expected. NB: the guest's word comes straight to the controller, and
 * so before GitHub's.
 */
export function untoldUntil({ machine, job }: Member): number {
  // NB: a job that was told of may be closed by now, and `machine.job` is all that is left of it.
  if (job || machine.job !== undefined || machine.workingAt === undefined) return 0;
  return (machine.endedAt ?? machine.workingAt) + LATE_EVENT_MS;
}
