import { parseArgs } from "node:util";
import { type Burst, burst, isCheckWrite, rank, round } from "./burst/figures.ts";
import { type Lab, openLab } from "./burst/lab.ts";

/**
 * `npm run bench:burst`: 500 jobs queued at once, as two runs, at the emulated GitHub with its real limits on. All parts are Mayfly's own
 * but for the VMs, which are made in memory, and the runners in them. Mayfly's clock and that of GitHub's limits go faster than the
 * machine's, so that an hour takes minutes. Then the same without check runs, to see what these cost a registration.
 * The last line is one JSON object; times in it are GitHub's, but for `seconds`.
 */
const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "500" },
    machines: { type: "string", default: "50" },
    scale: { type: "string", default: "20" },
  },
});
const [jobs, machines, scale] = [Number(values.jobs), Number(values.machines), Number(values.scale)];
if (![jobs, machines, scale].every((number) => Number.isInteger(number) && number > 0)) {
  console.error("bench:burst: --jobs, --machines and --scale take whole numbers from 1");
  process.exit(2);
}

const RUNS = [Math.ceil(jobs / 2), Math.floor(jobs / 2)].filter((size) => size > 0);
const LIMIT_MS = 1_800_000;
/** Three to seven minutes. */
const jobMs = () => 180_000 + Math.random() * 240_000;

const startedAt = performance.now();
const { with: shown, minutes } = await measure(true);
const { with: bare } = await measure(false);
const seconds = Math.round((performance.now() - startedAt) / 1000);

console.log(
  `${jobs} jobs at once, ${machines} machines, jobs of 3 to 7 minutes; ${scale} times faster than real\n`,
);
for (const [name, { waitsMs, servedMinutes, toldMinutes, calls, checkWrites }] of [
  ["with check runs", shown],
  ["without", bare],
] as const) {
  console.log(
    `${name.padEnd(16)} served in ${servedMinutes} min, told in ${toldMinutes} min; ${calls} calls, ${checkWrites} of them check runs; a registration waits ${Math.round(rank(waitsMs, 0.5))} ms, p99 ${Math.round(rank(waitsMs, 0.99))} ms`,
  );
}
console.log(`check runs written in each ten minutes: ${minutes.join(" ")}\n`);
const { waitsMs, latesMs, ...figures } = shown;
console.log(
  JSON.stringify({
    ...figures,
    lateP50Ms: Math.round(rank(latesMs, 0.5)),
    lateP99Ms: Math.round(rank(latesMs, 0.99)),
    shownBefore: latesMs.length,
    jitWaitP50Ms: Math.round(rank(waitsMs, 0.5)),
    jitWaitP99Ms: Math.round(rank(waitsMs, 0.99)),
    jitWaitP99MsBare: Math.round(rank(bare.waitsMs, 0.99)),
    jitWaitRatio: round(rank(waitsMs, 0.99) / rank(bare.waitsMs, 0.99)),
    scale,
    seconds,
  }),
);

async function measure(checkRuns: boolean): Promise<{ with: Burst; minutes: number[] }> {
  const lab = await openLab({ machines, scale, checkRuns, pace: { bootMs: 30_000, jobMs } });
  try {
    const came = await burst(lab, RUNS, LIMIT_MS);
    if (lab.github.violations.length > 0) throw new Error(lab.github.violations.join("\n"));
    return { with: came, minutes: writesByTime(lab) };
  } finally {
    await lab.close();
  }
}

/** How many check runs were written in each ten minutes of GitHub's. */
function writesByTime({ github }: Lab): number[] {
  const { startedAt: began } = github.world;
  const counts: number[] = [];
  for (const { at } of github.calls.filter(isCheckWrite)) {
    const index = Math.floor(((at - began) * scale) / 600_000);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return Array.from(counts, (count) => count ?? 0);
}
