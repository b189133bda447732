import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clock } from "../../../src/core/markdown.ts";
import { buildBox } from "../../rig/box/build-box.ts";
import { type LogEntry, startSite } from "../../rig/site.ts";
import { bareWay } from "./bare.ts";
import { coldWay } from "./cold.ts";
import { originalWay } from "./original.ts";
import { sweep, watchStarts } from "./virsh.ts";
import type { Way, WayName } from "./way.ts";

/** What the bench measures in. */
export type Lab = { ways: readonly Way[]; tell: (text: string) => void };

const CONTROLLER = "benchstart";
/** Beginnings of the names of all VMs and volumes that the bench makes, or has Mayfly make. */
const PREFIXES = ["benchstart-", `mayfly-${CONTROLLER}-`];

/**
 * Sets everything up, goes each way once so that boxes and caches are warm, and hands the ways over. Takes everything away again, however
 * the work ends; what an earlier bench left that was killed is taken away first.
 */
export async function withLab<T>(
  names: readonly WayName[],
  signal: AbortSignal,
  work: (lab: Lab) => Promise<T>,
): Promise<T> {
  const tell = newTeller();
  const undo: (() => Promise<unknown>)[] = [];
  try {
    await sweep(PREFIXES);
    const ways = await openWays(names, { tell, undo, signal });
    for (const way of ways) {
      tell(`${way.name}: once without counting`);
      await way.measure(signal);
    }
    return await work({ ways, tell });
  } finally {
    for (const step of undo.toReversed())
      await step().catch((error: unknown) => tell(`not taken away: ${error}`));
  }
}

type Parts = { tell: (text: string) => void; undo: (() => Promise<unknown>)[]; signal: AbortSignal };

async function openWays(names: readonly WayName[], { tell, undo, signal }: Parts): Promise<Way[]> {
  const box = await buildBox("tiny", tell);
  const folder = await mkdtemp(join(tmpdir(), "mayfly-benchstart-"));
  undo.push(
    () => rm(folder, { recursive: true, force: true }),
    () => sweep(PREFIXES),
  );
  // NB: QEMU's own user reads the kernels that lie in it.
  await chmod(folder, 0o711);
  const starts = await watchStarts();
  undo.push(async () => starts.close());
  const broken = new AbortController();
  const onLog = ({ step, machine }: LogEntry) => {
    if (step === "retire") broken.abort(new Error(`the machine ${machine} failed`));
  };
  const site = await startSite({
    driver: "vagrant",
    folder,
    controller: CONTROLLER,
    machines: 1,
    box,
    onLog,
  });
  undo.push(() => site.close());

  tell("cold: the first machine, which takes the box in");
  const { way: cold, template } = await coldWay({ site, starts, broken: broken.signal, signal });
  const open: Record<WayName, () => Promise<Way>> = {
    cold: async () => cold,
    bare: () => bareWay({ github: site.github, starts, template, folder, undo }),
    original: () => originalWay({ github: site.github, starts, folder, undo, tell }),
  };
  const ways: Way[] = [];
  for (const name of names) ways.push(await open[name]());
  return ways;
}

function newTeller(): (text: string) => void {
  const startedAt = Date.now();
  return (text) => console.log(`${clock(Date.now() - startedAt).padStart(5)}  ${text}`);
}
