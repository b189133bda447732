import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type Results, report, summary } from "./start/figures.ts";
import { type Lab, withLab } from "./start/lab.ts";
import { type Measured, WAYS, type WayName } from "./start/way.ts";

/**
 * `npm run bench:start`: how long until a runner is online, three ways, in turn, on the same hypervisor.
 *   bare      the box alone: the VM that Mayfly would make, without Vagrant and Mayfly. From `virsh start`.
 *   cold      Mayfly, with nothing prepared but the box. From the webhook.
 *   original  what Mayfly replaces: a VM set up at boot over SSH. From `vagrant up`.
 * `--runs N`: of each way. `--no-original`: leaves the third out. The last line is one JSON object. See: docs/performance.md.
 */

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, original: { type: "boolean", default: true } },
  allowNegative: true,
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  console.error("bench:start: --runs takes a whole number from 1");
  process.exit(2);
}
const names = WAYS.filter((name) => name !== "original" || values.original);
const load = { before: loadNow(), highest: loadNow() };

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.on(name, () => stop.abort(new Error(`ended by ${name}`)));

const results = await withLab(names, stop.signal, (lab) => measureInTurn(lab, runs, stop.signal)).catch(
  (error: unknown) => {
    if (!stop.signal.aborted) throw error;
    console.error(String(stop.signal.reason));
    process.exit(1);
  },
);
console.log(`\n${report(results)}\n`);
console.log(
  `load of this machine: ${load.before} before, ${load.highest} at most (the bench itself makes about 1)`,
);
console.log(JSON.stringify({ ...summary(results), runs, load }));
// NB: waits that were given up still have their timers.
process.exit(0);

/** Each round begins with another way, so that what goes on beside it on the machine hits all of them alike. */
async function measureInTurn(lab: Lab, rounds: number, signal: AbortSignal): Promise<Results> {
  const results = new Map<WayName, Measured[]>(lab.ways.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < lab.ways.length; turn += 1) {
      const way = lab.ways[(round + turn) % lab.ways.length];
      if (!way) continue;
      const measured = await way.measure(signal);
      load.highest = Math.max(load.highest, loadNow());
      results.get(way.name)?.push(measured);
      lab.tell(
        `round ${round + 1} of ${rounds}: ${way.name.padEnd(8)} ${(measured.totalMs / 1000).toFixed(1)} s`,
      );
    }
  }
  return results;
}

/** Processes that ran or wanted to, on average over the last minute. */
function loadNow(): number {
  const [minute = 0] = loadavg();
  return Math.round(minute * 10) / 10;
}
