import { runScenario } from "./run.ts";
import { type Faults, NO_FAULTS, type Scenario } from "./scenario.ts";

/** Takes away from a failing scenario whatever it fails without: faults, kills, jobs, each as long as it still fails. */
export async function shrink(failing: Scenario): Promise<Scenario> {
  let smallest = failing;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of smallerOnes(smallest)) {
      const { violations } = await runScenario(candidate);
      if (violations.length === 0) continue;
      smallest = candidate;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

function* smallerOnes(scenario: Scenario): Generator<Scenario> {
  for (const index of scenario.jobs.keys()) {
    if (scenario.jobs.length > 1) yield { ...scenario, jobs: scenario.jobs.toSpliced(index, 1) };
  }
  for (const index of scenario.kills.keys()) yield { ...scenario, kills: scenario.kills.toSpliced(index, 1) };
  for (const kind of Object.keys(NO_FAULTS) as (keyof Faults)[]) {
    if (scenario.faults[kind] > 0) yield { ...scenario, faults: { ...scenario.faults, [kind]: 0 } };
  }
  if (scenario.wipe) yield { ...scenario, wipe: false };
  if (scenario.settings) yield { ...scenario, settings: undefined };
  if (scenario.operator) yield { ...scenario, operator: undefined };
  if (scenario.quota) yield { ...scenario, quota: undefined };
  if (scenario.uninstall) yield { ...scenario, uninstall: undefined };
  if (scenario.retries) yield { ...scenario, retries: false };
  if (scenario.isPublic) yield { ...scenario, isPublic: false };
  if (scenario.randomHandOut) yield { ...scenario, randomHandOut: false };
  for (const [index, job] of scenario.jobs.entries()) {
    for (const key of ["cancelAfterMs", "holdAfterMs", "isFork", "approveAfterMs"] as const) {
      if (job[key] !== undefined && job[key] !== false)
        yield { ...scenario, jobs: scenario.jobs.with(index, { ...job, [key]: undefined }) };
    }
  }
}
