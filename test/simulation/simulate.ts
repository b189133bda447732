import { parseArgs } from "node:util";
import { runScenario } from "./run.ts";
import { makeScenario, type Scenario } from "./scenario.ts";
import { shrink } from "./shrink.ts";

/** `npm run simulate -- --runs N --seed S`: plays N scenarios from seed S on, until `--stop` of them failed. The last line is one JSON object. */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
    verbose: { type: "boolean", default: false },
    shrink: { type: "boolean", default: true },
    stop: { type: "string", default: "5" },
  },
  allowNegative: true,
});
const runs = Number(values.runs);
const firstSeed = Number(values.seed);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(firstSeed)) {
  console.error("simulate: --runs takes a whole number from 1, --seed a whole number");
  process.exit(2);
}

const startedAt = performance.now();
const total = { kills: 0, jobs: 0, gaveUp: 0, virtualHours: 0 };
const failed: number[] = [];
for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
  const scenario = makeScenario(seed);
  const { violations, log, kills, virtualMs, gaveUp } = await runScenario(scenario);
  if (values.verbose) console.log(log.join("\n"));
  total.kills += kills;
  total.jobs += scenario.jobs.length;
  total.gaveUp += gaveUp;
  total.virtualHours += virtualMs / 3_600_000;
  if (violations.length === 0) continue;
  failed.push(seed);
  await show(scenario, violations);
  if (failed.length >= Number(values.stop)) break;
}
const took = Math.round((performance.now() - startedAt) / 1000);
console.log(
  JSON.stringify({
    runs,
    seed: firstSeed,
    violations: failed.length,
    failedSeeds: failed,
    kills: total.kills,
    jobs: total.jobs,
    gaveUp: total.gaveUp,
    virtualHours: Math.round(total.virtualHours),
    seconds: took,
  }),
);
process.exitCode = failed.length === 0 ? 0 : 1;

async function show(scenario: Scenario, violations: readonly string[]): Promise<void> {
  console.log(
    `seed ${scenario.seed} (again: npm run simulate -- --runs 1 --seed ${scenario.seed} --verbose)`,
  );
  for (const violation of violations) console.log(`  ${violation}`);
  if (!values.shrink) return;
  const smallest = await shrink(scenario);
  const { violations: left, log } = await runScenario(smallest);
  console.log(`  smallest that still fails: ${JSON.stringify(smallest)}`);
  for (const violation of left) console.log(`    ${violation}`);
  for (const line of log.slice(-40)) console.log(`    | ${line}`);
}
