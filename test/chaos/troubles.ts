import { setTimeout as sleep } from "node:timers/promises";
import type { AnswerFault } from "../rig/github/faults.ts";
import { type Arena, count } from "./arena.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { burst, type Queued } from "./jobs.ts";

/** One trouble, from its beginning to its end. `none`: there was nothing to be troubled. */
type Trouble = { name: string; go: (arena: Arena) => Promise<unknown> };

/** What GitHub answers to a share of the calls. */
const ANSWERS: readonly { name: string; fault: Omit<AnswerFault, "operation"> }[] = [
  { name: "GitHub answers 500", fault: { status: 500, share: 0.4 } },
  { name: "GitHub answers 502", fault: { status: 502, share: 0.4 } },
  { name: "GitHub answers 403", fault: { status: 403, share: 0.3, message: "Resource not accessible" } },
  {
    name: "GitHub answers 403 with retry-after",
    fault: {
      status: 403,
      retryAfter: 5,
      share: 0.2,
      message: "You have exceeded a secondary rate limit.",
    },
  },
  { name: "GitHub is slow", fault: { delayMs: 4000, share: 0.5 } },
  { name: "GitHub's answer is lost", fault: { status: 502, afterEffect: true, share: 0.3 } },
  { name: "GitHub cuts the connection", fault: { cut: true, share: 0.3 } },
];

/** Kills the controller at random moments. */
export async function killOften(arena: Arena, overMs: number): Promise<void> {
  const { random, options, site, tell } = arena;
  const moments = Array.from({ length: options.kills }, () => random.between(1000, overMs));
  let at = 0;
  for (const moment of moments.sort((a, b) => a - b)) {
    await sleep(moment - at);
    at = moment;
    tell("kill -9");
    count(arena, "kill -9 of the controller");
    site.kill();
  }
}

/** The troubles that come one after the other, in random order, spread over the time. */
export async function troubleMayfly(arena: Arena, overMs: number): Promise<void> {
  const { random, options } = arena;
  const all = Array.from({ length: options.rounds }, () => [
    ...answerTroubles(),
    ...harmTroubles(arena.vms),
  ]).flat();
  const shuffled = all
    .map((trouble) => ({ trouble, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ trouble }) => trouble);
  const slotMs = overMs / shuffled.length;
  for (const { name, go } of shuffled) {
    const startedAt = performance.now();
    arena.tell(`trouble: ${name}`);
    if ((await go(arena)) !== "none") count(arena, name);
    arena.tell(`over: ${name}`);
    await sleep(Math.max(0, slotMs - (performance.now() - startedAt)));
  }
}

/** For a VM that can be killed. */
const FIND_MS = 60_000;

const lasting = ({ options }: Arena): Promise<void> => sleep(options.troubleMs);

const answerTroubles = (): Trouble[] =>
  ANSWERS.map(({ name, fault }) => ({
    name,
    go: async (arena) => {
      arena.site.github.setFaults({ answers: [{ operation: "*", ...fault }] });
      await lasting(arena);
      arena.site.github.setFaults({ answers: [] });
    },
  }));

/** What is done to the machine that Mayfly runs on, as far as its hypervisor can be harmed. */
const harmTroubles = ({ stop, fill }: Hypervisor): Trouble[] => [
  { name: "a VM is killed by hand", go: killVm },
  { name: "the controller is told to end (SIGTERM)", go: async ({ site }) => site.end() },
  ...(stop ? [{ name: "libvirtd is restarted", go: (arena: Arena) => restart(arena, stop) }] : []),
  ...(fill ? [{ name: "the disk is full", go: (arena: Arena) => fillDisk(arena, fill) }] : []),
];

async function restart({ random }: Arena, stop: NonNullable<Hypervisor["stop"]>): Promise<void> {
  const startAgain = await stop();
  await sleep(random.between(1000, 6000));
  await startAgain();
}

/** NB: whatever has a disk meanwhile may be paused for want of room, or may have read an error. */
async function fillDisk(arena: Arena, fill: NonNullable<Hypervisor["fill"]>): Promise<void> {
  const makeRoom = await fill();
  const harm = async () => {
    for (const name of await arena.vms.names()) arena.harmed.add(name);
  };
  await harm();
  await lasting(arena);
  await harm();
  await makeRoom();
}

/** One that works, if there is one; waits for one that is there. */
async function killVm(arena: Arena): Promise<"none" | undefined> {
  const { vms, site, random, harmed, tell } = arena;
  const endsAt = performance.now() + FIND_MS;
  let names = await vms.names();
  for (; names.length === 0 && performance.now() < endsAt; names = await vms.names()) await sleep(500);
  const busy = site.github
    .runners(site.repo)
    .filter(({ job }) => job?.status === "in_progress")
    .map(({ name }) => name);
  const name = random.pick(names.filter((each) => busy.includes(each))) ?? random.pick(names);
  if (name === undefined) return "none";
  harmed.add(name);
  tell(`the VM ${name} is killed`);
  return await vms.kill(name).then(
    () => undefined,
    () => "none",
  );
}

/** The clock goes an hour forward, two back, and right again. */
export async function stepClocks(arena: Arena, overMs: number): Promise<void> {
  for (const [hours, name] of [
    [1, "the clock is stepped by +1 h"],
    [-1, "the clock is stepped by -2 h"],
    [0, "the clock is stepped by +1 h"],
  ] as const) {
    await sleep(overMs / 4);
    arena.tell(name);
    await arena.stepClock(hours * 3600);
    count(arena, name);
  }
}

/** Half of all webhooks are lost; and for a while, in which many jobs come, all of them. */
export async function loseWebhooks(arena: Arena, queued: Queued, overMs: number): Promise<void> {
  const { site, options, tell } = arena;
  site.github.setFaults({ webhooks: { lose: 0.5 } });
  await sleep(overMs / 5);
  tell("the relay is cut, and a burst of jobs comes");
  await site.relay?.cut({ swallow: true });
  burst(arena, queued, options.rounds * 3);
  await sleep(options.cutMs);
  await site.relay?.mend();
  count(arena, `the relay is cut for ${options.cutMs / 1000} s`);
  tell("the relay works again");
}

/** No trouble any more. */
export async function makePeace({ site, stepClock }: Arena): Promise<void> {
  site.github.setFaults({ answers: [], webhooks: { lose: 0 } });
  await stepClock(0);
}
