import type { Image, Patience } from "./types.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** How long to believe, wait and try, unless the operator says otherwise. */
export const DEFAULT_PATIENCE: Patience = {
  /** Hypervisors and GitHub both list a thing some seconds late. */
  settleMs: 30 * SECOND,
  /** The runner's own start takes up to a minute on slow disks. */
  connectMs: 3 * MINUTE,
  /** GitHub itself calls a runner offline only some minutes after its last word. */
  lostMs: 2 * MINUTE,
  /** GitHub gives a waiting job to an idle runner at once, and takes it back after a minute. See: GitHub docs, self-hosted runners reference. */
  serveMs: 10 * MINUTE,
  tries: 3,
  giveUpMs: 60 * MINUTE,
  /** GitHub ends a job that waits for a day, and does not say why. See: GitHub docs, "Actions limits". */
  waitMs: 20 * 60 * MINUTE,
  backoffMs: 10 * SECOND,
  backoffMaxMs: 10 * MINUTE,
};

/** From this many failures in a row a pool makes one machine at a time, to see whether its image boots again. */
export const PROBE_AFTER = 3;

/** How long a finished job's check run waits for its VM's end, to tell the whole story in one write. */
export const LAST_WRITE_MS = 20 * SECOND;

/** How long a job whose labels are nearly ours waits for another system's runner, before its check run says that no image has them. */
export const MEANT_MS = 30 * SECOND;
/** A machine that boots this long is told of once more, with the time that it has taken by then. */
export const LONG_BOOT_MS = MINUTE;

/** How often GitHub is asked about a repository's runners while something about one of them is in doubt. */
export const ASK_IN_DOUBT_MS = 10 * SECOND;
/** From a registration's hand-out to the first time GitHub is asked about its runner. The event usually comes sooner. */
export const ASK_FIRST_MS = 20 * SECOND;
/** How often GitHub is asked about a runner that is known to work. */
export const ASK_AT_WORK_MS = 5 * MINUTE;
/** GitHub drops an ephemeral runner that it has not heard of for so long. See: GitHub docs, self-hosted runners reference. */
export const DROPPED_MS = 24 * 60 * MINUTE;
/** How long the last word of a job's check run is tried. Then the job is closed without it: GitHub will not take it any more. */
export const REPORT_MS = 24 * 60 * MINUTE;
/** For how long a job that GitHub seems to hold back again is looked up: events of the same second may come in any order. */
export const DISORDER_MS = 2 * MINUTE;
/** A run that GitHub was asked to cancel and that still goes on is cancelled again after this. */
export const CANCEL_AGAIN_MS = MINUTE;
/** A run with jobs that run "always" outlives a cancel; then it is cancelled by force. See: GitHub docs, REST, "Force cancel a workflow run". */
export const FORCE_MS = 10 * MINUTE;
/** How long an event may be late before GitHub is asked about the job. */
export const LATE_EVENT_MS = 15 * SECOND;
/**
 * GitHub's API may lag behind its own webhooks: that it knows nothing of a job this young proves nothing.
 * See: github-aws-runners/terraform-aws-github-runner 2459.
 */
export const YOUNG_MS = MINUTE;
/** How long a machine's row waits to hear which job ran there. */
export const UNTOLD_MS = MINUTE;
/** Which job it was, only GitHub knows; it hands out the oldest ones first, so these are looked up. */
export const UNTOLD_LOOK_UPS = 3;

/** The guest powers its VM off this long after its job's limit, should the controller be gone by then. */
const LIFE_MARGIN_MS = 30 * MINUTE;

export const lifeSecondsOf = ({ bootMs, jobMs }: Image["limits"]): number =>
  Math.ceil((bootMs + jobMs + LIFE_MARGIN_MS) / SECOND);
