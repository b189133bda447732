import { type Arena, openArena, removeArena } from "./arena.ts";
import { type Queued, queueJobs } from "./jobs.ts";
import { measureCancels, measureDownTimes } from "./measure.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { report } from "./report.ts";
import { judge, leftAfterEnd, untilQuiet } from "./settle.ts";
import { killOften, loseWebhooks, makePeace, stepClocks, troubleMayfly } from "./troubles.ts";
import { watch } from "./watch.ts";

/**
 * `npm run chaos`: a real Mayfly on real VMs, with everything going wrong at once; then peace, and a count of what is left.
 * The last line is one JSON object. Exit code 1 if a job was lost, something leaked, or what must never be was.
 */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  const arena = await openArena(options);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void arena.close().finally(() => process.exit(130)));
  }
  arena.tell(`seed ${options.seed}; all it writes is in ${arena.folder}`);
  let isWell = false;
  try {
    isWell = await play(arena, options);
  } finally {
    await arena.close();
  }
  if (isWell) await removeArena(arena);
  return isWell ? 0 : 1;
}

/** Answers whether all is well. */
async function play(arena: Arena, options: Options): Promise<boolean> {
  const others = await arena.vms.others();
  const unwatch = watch(arena);
  const cancels = await measureCancels(arena);
  const downTimes = await measureDownTimes(arena);
  const queued: Queued = new Map();
  const overMs = options.minutes * 60_000;
  await Promise.all([
    queueJobs(arena, queued, overMs),
    loseWebhooks(arena, queued, overMs),
    killOften(arena, overMs),
    troubleMayfly(arena, overMs),
    stepClocks(arena, overMs),
  ]);
  await makePeace(arena);
  arena.tell("peace; what is open now has to come to its end");
  const left = await untilQuiet(arena);
  await unwatch();
  const ends = judge(arena, queued);
  const othersAfter = await arena.vms.others();
  const missing = others
    .filter((thing) => !othersAfter.includes(thing))
    .map((thing) => `${thing} of others is gone`);
  await arena.site.close();
  const leaked = [...left, ...(await leftAfterEnd(arena)), ...missing];
  return report(arena, { jobs: queued.size, ...ends, leaked, cancels, downTimes });
}

process.exitCode = await main();
