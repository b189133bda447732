import type { GuestState, RunnerState, VmState } from "./types.ts";

/**
 * What to do with one machine, by what is wanted of it and what was seen of its VM, its runner and its guest.
 * The rules are named for what they mean; plan.ts turns each into a step, or into a time to wait for.
 *
 * - `start`       order the VM; if that was done and nothing came of it, retire it as lost
 * - `boot`        the guest has not called: wait for it, up to the image's time to boot
 * - `wait`        the guest asks for work: an ordinary waiting machine
 * - `fade`        the guest asked once and is silent now: wait, then retire it
 * - `connect`     the registration was handed out: wait for the runner to come online
 * - `serve`       the runner waits for GitHub to give it a job
 * - `work`        a job runs: wait, up to the image's limit
 * - `drop`        the runner was online and is offline or gone: wait, then retire the machine
 * - `stale`       a runner is listed that no guest has the registration of: remove it, the machine is still good
 * - `finish`      the runner has ended: retire the machine
 * - `die`         the VM is off, or broken before its guest ever called: retire the machine
 * - `vanish`      the VM is not there any more: wait a little, then retire the machine
 * - `hold`        the machine is retired, but a job may run in its VM: do not touch it
 * - `destroy` · `deregister` · `forget` · `look-again` as they say
 */
export type Rule =
  | "start"
  | "boot"
  | "wait"
  | "fade"
  | "connect"
  | "serve"
  | "work"
  | "drop"
  | "stale"
  | "finish"
  | "die"
  | "vanish"
  | "hold"
  | "destroy"
  | "deregister"
  | "forget"
  | "look-again";

type ByGuest = Record<GuestState, Rule>;
type ByRunner = Record<RunnerState, ByGuest>;

/** One rule whatever the guest says. `unknown` guests are those of adopted machines; these are born retired. */
const every = (rule: Rule): ByGuest => ({
  silent: rule,
  asking: rule,
  quiet: rule,
  configured: rule,
  working: rule,
  ended: rule,
  unknown: rule,
});

/** One rule whatever the runner and the guest say. */
const always = (rule: Rule): ByRunner => ({
  none: every(rule),
  offline: every(rule),
  idle: every(rule),
  busy: every(rule),
  unknown: every(rule),
});

/** GitHub says that a job runs. Only the guest's own word that its runner has ended goes above that. */
const busy: ByGuest = { ...every("work"), ended: "finish" };

/** GitHub says that the runner waits for a job. If its guest was never given a registration, the runner is a leftover of a crash. */
const idle: ByGuest = {
  silent: "stale",
  asking: "stale",
  quiet: "stale",
  configured: "serve",
  working: "work",
  ended: "finish",
  unknown: "look-again",
};

/** No VM is listed. NB: a guest that is calling right now proves that the list is wrong. */
const wantedWithoutVm: ByRunner = {
  none: { ...every("vanish"), silent: "start", asking: "look-again", ended: "finish" },
  offline: { ...every("vanish"), silent: "stale", asking: "stale", ended: "finish" },
  idle,
  busy,
  unknown: { ...every("vanish"), silent: "start", asking: "look-again", ended: "finish" },
};

const wantedWithVm: ByRunner = {
  none: {
    silent: "boot",
    asking: "wait",
    quiet: "fade",
    configured: "drop",
    working: "drop",
    ended: "finish",
    unknown: "look-again",
  },
  offline: {
    silent: "stale",
    asking: "stale",
    quiet: "stale",
    configured: "connect",
    working: "drop",
    ended: "finish",
    unknown: "look-again",
  },
  idle,
  busy,
  // NB: until a registration is handed out GitHub is not asked about runners, so `unknown` is the ordinary answer.
  unknown: {
    silent: "boot",
    asking: "wait",
    quiet: "fade",
    configured: "look-again",
    working: "work",
    ended: "finish",
    unknown: "look-again",
  },
};

/** The host could not be asked. Guests and GitHub still can. */
const wantedUnseen: ByRunner = {
  ...wantedWithVm,
  none: { ...wantedWithVm.none, configured: "look-again", working: "look-again" },
  offline: { ...wantedWithVm.offline, configured: "look-again", working: "look-again" },
};

/** The driver calls the VM broken. A guest that has called proves it wrong: then only the runner decides. */
const wantedBroken: ByRunner = {
  none: { ...wantedWithVm.none, silent: "die" },
  offline: { ...wantedWithVm.offline, silent: "die" },
  idle: { ...idle, silent: "die" },
  busy,
  unknown: { ...wantedWithVm.unknown, silent: "die" },
};

/** Powered off: nothing can run in it any more. */
const wantedOff: ByRunner = {
  none: { ...every("die"), ended: "finish" },
  offline: { ...every("die"), ended: "finish" },
  idle: { ...every("die"), ended: "finish" },
  busy: { ...every("die"), ended: "finish" },
  unknown: { ...every("die"), ended: "finish" },
};

/**
 * Retired, and no VM is left. The row stays until GitHub lists no runner of that name.
 * NB: GitHub may call a dead runner busy for a quarter of an hour. See: ubicloud/ubicloud pull 1678.
 */
const retiredWithoutVm: ByRunner = {
  none: every("forget"),
  offline: every("deregister"),
  idle: every("deregister"),
  busy: every("look-again"),
  unknown: { ...every("look-again"), silent: "forget" },
};

/**
 * Retired, and its VM may run. WARN: do not destroy first. Between our look and the destroy a job may land; the runner is removed
 * at GitHub first, and GitHub refuses that while a job runs. A guest that never had a registration cannot run a job.
 */
const retiredWithVm: ByRunner = {
  none: every("destroy"),
  offline: every("deregister"),
  idle: every("deregister"),
  busy: every("hold"),
  unknown: { ...every("hold"), silent: "destroy", asking: "destroy", quiet: "destroy" },
};

/** Total: a missing cell does not compile. */
export const RULES: Record<"wanted" | "retired", Record<VmState, ByRunner>> = {
  wanted: {
    none: wantedWithoutVm,
    building: wantedWithVm,
    up: wantedWithVm,
    off: wantedOff,
    broken: wantedBroken,
    unknown: wantedUnseen,
  },
  retired: {
    none: retiredWithoutVm,
    building: retiredWithVm,
    up: retiredWithVm,
    off: always("destroy"),
    broken: retiredWithVm,
    unknown: always("look-again"),
  },
};
