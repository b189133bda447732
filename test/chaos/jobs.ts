import { setTimeout as sleep } from "node:timers/promises";
import { SITE_LABELS } from "../rig/site.ts";
import { type Arena, count } from "./arena.ts";

/** How a job is to end when nothing is done to its machine. */
export type Expected = "success" | "failure" | "cancelled";

type Kind = {
  name: string;
  script: (seconds: number) => string;
  expected: Expected;
  cancel?: "waiting" | "running";
  weight: number;
};

const KINDS: readonly Kind[] = [
  { name: "passes", script: (s) => `echo well; sleep ${s % 4}`, expected: "success", weight: 4 },
  { name: "passes slowly", script: (s) => `sleep ${10 + s}`, expected: "success", weight: 3 },
  { name: "fails", script: () => "echo on purpose; exit 1", expected: "failure", weight: 2 },
  {
    name: "is cancelled as it waits",
    script: (s) => `sleep ${s}`,
    expected: "cancelled",
    cancel: "waiting",
    weight: 2,
  },
  {
    name: "is cancelled as it runs",
    script: () => "sleep 300",
    expected: "cancelled",
    cancel: "running",
    weight: 1,
  },
];

/** What was queued, by the job's id. */
export type Queued = Map<number, { expected: Expected; kind: string }>;

/** Queues jobs of all kinds over the time, each at a moment of its own. Resolves when the last is queued. */
export async function queueJobs(arena: Arena, queued: Queued, overMs: number): Promise<void> {
  const { random, options } = arena;
  const moments = Array.from({ length: options.jobs }, () => random.between(0, overMs)).sort((a, b) => a - b);
  const kinds = KINDS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind));
  let at = 0;
  for (const moment of moments) {
    await sleep(moment - at);
    at = moment;
    const kind = random.pick(kinds);
    if (kind) queueOne(arena, queued, kind);
  }
}

/** Several at once. */
export function burst(arena: Arena, queued: Queued, jobs: number): void {
  const [passes] = KINDS;
  for (let number = 0; number < jobs; number += 1) if (passes) queueOne(arena, queued, passes);
}

function queueOne(arena: Arena, queued: Queued, kind: Kind): void {
  const { site, random, tell } = arena;
  const job = {
    name: `${kind.name} ${queued.size + 1}`,
    labels: [...SITE_LABELS],
    script: kind.script(random.between(1, 12)),
  };
  const [id = 0] = site.github.queueRun(site.repo, { name: "chaos", jobs: [job] }).jobs;
  queued.set(id, { expected: kind.expected, kind: kind.name });
  count(arena, `jobs: ${kind.name}`);
  tell(`job ${id} "${job.name}"`);
  if (kind.cancel) void cancelLater(arena, id, kind.cancel, random.between(500, 8000));
}

/** NB: one that waits may have begun by then, and one that is to run may never have. A person's click knows nothing of that. */
async function cancelLater(
  { site, tell }: Arena,
  id: number,
  when: "waiting" | "running",
  afterMs: number,
): Promise<void> {
  const hasBegun = () => site.github.job(id).status !== "queued";
  if (when === "running") await site.github.until(hasBegun, 3_600_000).catch(() => undefined);
  await sleep(afterMs);
  if (site.github.job(id).status === "completed") return;
  tell(`job ${id} is cancelled`);
  site.github.cancelJob(id);
}
