import { spawn } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { SABOTAGES, type Sabotage } from "./sabotages.ts";
import { FORK_SABOTAGES } from "./sabotages-forks.ts";
import { PEOPLE_SABOTAGES } from "./sabotages-people.ts";
import { SETTINGS_SABOTAGES } from "./sabotages-settings.ts";

/**
 * `npm run sabotage`: proves that the simulation and the core's tests bite. Each sabotage is made in a copy of the sources; it
 * is caught when the simulation finds a violation there, or else a unit test of the core or the ring fails there.
 * The last line is one JSON object. Fails when one is neither caught nor explained.
 */
const { values } = parseArgs({
  options: { runs: { type: "string", default: "60" }, only: { type: "string" } },
});
const project = resolve(import.meta.dirname, "../..");
const folder = join(project, ".cache/sabotage");
const RING_TESTS = /^(?:act|ghosts|observe|reconcile|source|sweep).*\.test\.ts$/;

/** Of one run of the simulation, or of the unit tests: a sound one takes some seconds. */
const LONGEST_MS = 120_000;

type Verdict = { sabotage: Sabotage; by: "simulation" | "unit tests" | "nothing" };

const all = [...SABOTAGES, ...FORK_SABOTAGES, ...PEOPLE_SABOTAGES, ...SETTINGS_SABOTAGES];
const chosen = all.filter(({ name }) => name.includes(values.only ?? ""));
const waiting = [...chosen.entries()];
const verdicts: Verdict[] = [];
await rm(folder, { recursive: true, force: true });
if (!(await isSound())) throw new Error("the sources fail without any sabotage; nothing can be proved");
await Promise.all(Array.from({ length: availableParallelism() }, work));
await rm(folder, { recursive: true, force: true });

const missed = verdicts.filter(({ by, sabotage }) => by === "nothing" && !sabotage.harmless);
const count = (by: Verdict["by"]) => verdicts.filter((verdict) => verdict.by === by).length;
console.log(
  JSON.stringify({
    sabotages: verdicts.length,
    bySimulation: count("simulation"),
    byUnitTests: count("unit tests"),
    explained: count("nothing") - missed.length,
    missed: missed.map(({ sabotage }) => sabotage.name),
  }),
);
process.exitCode = missed.length === 0 ? 0 : 1;

async function isSound(): Promise<boolean> {
  const copy = await copySources("sound");
  return (await simulate(copy, "20")) && (await unitTests(copy));
}

async function work(): Promise<void> {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [index, sabotage] = next;
    const by = await judge(index, sabotage);
    verdicts.push({ sabotage, by });
    const why = by === "nothing" ? (sabotage.harmless ?? "NOT CAUGHT") : "";
    console.log(`${by.padEnd(10)}  ${sabotage.name}${why === "" ? "" : ` (${why})`}`);
  }
}

async function judge(index: number, { file, find, replace, name }: Sabotage): Promise<Verdict["by"]> {
  const copy = await copySources(String(index));
  const path = join(copy, file);
  const source = await readFile(path, "utf8");
  if (source.split(find).length !== 2)
    throw new Error(`"${name}": its line is not there exactly once in ${file}`);
  await writeFile(
    path,
    source.replace(find, () => replace),
  );
  if (!(await simulate(copy, values.runs))) return "simulation";
  return (await unitTests(copy)) ? "nothing" : "unit tests";
}

async function copySources(name: string): Promise<string> {
  const copy = join(folder, name);
  await mkdir(copy, { recursive: true });
  for (const part of [
    "src",
    "test/simulation",
    "test/core",
    "test/support",
    "package.json",
    "vitest.config.ts",
  ]) {
    await cp(join(project, part), join(copy, part), { recursive: true });
  }
  // The simulation is run by itself, and longer.
  await rm(join(copy, "test/simulation/simulation.test.ts"));
  for (const file of await readdir(join(project, "test"))) {
    if (RING_TESTS.test(file)) await cp(join(project, "test", file), join(copy, "test", file));
  }
  await symlink(join(project, "node_modules"), join(copy, "node_modules"));
  return copy;
}

function simulate(copy: string, runs: string): Promise<boolean> {
  const options = ["--runs", runs, "--stop", "1", "--no-shrink"];
  return succeeds(process.execPath, ["test/simulation/simulate.ts", ...options], copy);
}

function unitTests(copy: string): Promise<boolean> {
  // NB: a process for each file would take three times as long as the tests.
  const together = ["--no-isolate", "--maxWorkers", "1"];
  const options = ["run", "--project", "unit", "--bail", "1", ...together, "--root", copy];
  return succeeds(process.execPath, ["node_modules/vitest/vitest.mjs", ...options], copy);
}

function succeeds(program: string, args: string[], cwd: string): Promise<boolean> {
  return new Promise((done, fail) => {
    // NB: sources that were made wrong may run in circles; then they have failed, too.
    const child = spawn(program, args, { cwd, stdio: "ignore", timeout: LONGEST_MS });
    child.once("error", fail);
    child.once("exit", (code) => done(code === 0));
  });
}
