import { setTimeout as sleep } from "node:timers/promises";
import { SITE_LABELS } from "../rig/site.ts";
import type { Arena } from "./arena.ts";

const LONGEST_MS = 120_000;
const LOOK_MS = 50;

/** How long it takes, in milliseconds, until a cancelled job's machine is gone: its VM, its disks and its folder. */
export async function measureCancels(arena: Arena): Promise<number[]> {
  const { site, options, random, vms, tell } = arena;
  const took: number[] = [];
  for (let time = 0; time < options.measures; time += 1) {
    const id = queueAlone(arena);
    await soon("a VM for the job", async () => (await vms.names()).length > 0);
    await sleep(random.between(0, 4000));
    const startedAt = performance.now();
    site.github.cancelJob(id);
    await soon("the end of the cancelled job's machine", async () => (await site.leftovers()).length === 0);
    took.push(Math.round(performance.now() - startedAt));
    tell(`cancelled while it waited: its machine was gone after ${took.at(-1)} ms`);
  }
  return took;
}

/** How long it takes, in milliseconds, from the controller's start to the order of a VM for a job that came while it was down. */
export async function measureDownTimes(arena: Arena): Promise<number[]> {
  const { site, options, listeners, tell } = arena;
  const took: number[] = [];
  for (let time = 0; time < Math.ceil(options.measures / 2); time += 1) {
    const release = site.holdDown();
    site.kill();
    await sleep(1000);
    site.github.setFaults({ webhooks: { lose: 1 } });
    const id = queueAlone(arena);
    await sleep(3000);
    site.github.setFaults({ webhooks: { lose: 0 } });
    const startedAt = performance.now();
    let isOrdered = false;
    const listener = ({ msg, step }: { msg?: string; step?: unknown }) => {
      if (msg === "step done" && step === "start") isOrdered = true;
    };
    listeners.add(listener);
    release();
    await soon("the order of a VM", async () => isOrdered);
    took.push(Math.round(performance.now() - startedAt));
    listeners.delete(listener);
    tell(`queued while Mayfly was down: its VM was ordered ${took.at(-1)} ms after the start`);
    site.github.cancelJob(id);
    await soon("the end of its machine", async () => (await site.leftovers()).length === 0);
  }
  return took;
}

function queueAlone({ site }: Arena): number {
  const job = { name: "is measured", labels: [...SITE_LABELS], script: "sleep 300" };
  return site.github.queueRun(site.repo, { name: "measure", jobs: [job] }).jobs[0] ?? 0;
}

async function soon(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + LONGEST_MS;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`not within ${LONGEST_MS / 1000} s: ${what}`);
    await sleep(LOOK_MS);
  }
}
