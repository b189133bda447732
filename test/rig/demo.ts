import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clock } from "../../src/core/markdown.ts";
import { SetupError } from "../../src/ports.ts";
import { type Hold, holdFile } from "../../src/store/lock.ts";
import { buildBox } from "./box/build-box.ts";
import type { CheckRun, Job } from "./github/model.ts";
import { type LogEntry, SITE_LABELS, type Site, startSite } from "./site.ts";

export type DemoOptions = { driver: "fake" | "vagrant"; stay: boolean };

/** What each job of the demo is, and how it is to end at GitHub and in its check run. */
const JOBS = [
  {
    name: "passes",
    script: "echo 'Hello from '$(hostname); sleep 2",
    conclusion: "success",
    check: "success",
  },
  {
    name: "fails",
    script: "echo 'This job fails on purpose'; exit 1",
    conclusion: "failure",
    check: "neutral",
  },
  { name: "is cancelled", script: "echo never", conclusion: "cancelled", check: "cancelled" },
] as const;

/** A cold VM without KVM takes under a minute; a slow or busy machine may need several. */
const LIMIT_MS = 15 * 60_000;
/** What a shell says of a program that Ctrl-C has ended. */
const INTERRUPTED = 130;

/**
 * The main job, on this machine: an emulated GitHub queues a workflow of three jobs, and the real Mayfly serves them with real VMs
 * (`fake`: with processes in place of VMs). Tells what happens, and answers the exit code: 0 if all ended as it should and nothing is left.
 */
export async function runDemo({ driver, stay }: DemoOptions): Promise<number> {
  const tell = newTeller();
  const folder = join(tmpdir(), `mayfly-demo-${driver}`);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const hold = holdForDemo(join(folder, "demo.lock"));
  await forgetJobs(join(folder, "data"));
  const box = driver === "vagrant" ? await buildBox("tiny", (text) => tell("box", text)) : undefined;
  tell("demo", `all it writes is in ${folder}`);
  const site = await startSite({
    driver,
    folder,
    controller: driver === "fake" ? "demofake" : "demo",
    box,
    onLog: (entry) => tellLog(tell, entry),
    onDeath: () => tell("demo", "the controller died, it is started again"),
  });
  const interrupted = untilInterrupted();
  try {
    tell(
      "demo",
      `Mayfly runs as process ${site.pid()} (kill -9 it, if you like); GitHub is ${site.github.url}`,
    );
    const isWell = await Promise.race([play(site, tell), interrupted]);
    if (isWell === "interrupted") {
      tell("demo", "interrupted. VMs that are up now are destroyed by the next demo, or end by themselves");
      await site.close();
      // What the demo still waits for will not come.
      process.exit(INTERRUPTED);
    }
    if (stay) console.log(stillRunning(site));
    if (stay) await interrupted;
    return isWell ? 0 : 1;
  } finally {
    await site.close();
    hold.release();
  }
}

/** NB: a second demo would write its mayfly.yml over that of the first, whose controller may have to be started again. */
function holdForDemo(file: string): Hold {
  try {
    return holdFile(file);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new SetupError(`Another demo holds ${file}. Wait for its end, or end it with Ctrl-C.`);
  }
}

/**
 * Takes away what an earlier demo knew: its jobs were those of another emulated GitHub, which ended with it.
 * VMs that it left, because it was killed, are found as strangers, and destroyed.
 */
async function forgetJobs(data: string): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o711 });
  const store = join(data, "mayfly.sqlite");
  // NB: the controller of a demo that was killed a moment ago may still be ending.
  const hold = holdForDemo(`${store}.lock`);
  for (const file of [store, `${store}-wal`, `${store}-shm`]) await rm(file, { force: true });
  hold.release();
}

const stillRunning = ({ github, repo, config, web }: Site): string =>
  `
Still running, until Ctrl-C. Look at ${github.url}, and at Mayfly's pages, ${web} (sign in as octocat); and ask Mayfly:
  script/mayfly --config ${config} ps
  script/mayfly --config ${config} why ${github.jobs(repo)[0]?.id}`;

async function play(site: Site, tell: Teller): Promise<boolean> {
  const { github, repo } = site;
  const unwatch = watch(site, tell);
  const { headSha, jobs } = github.queueRun(repo, {
    name: "demo",
    jobs: JOBS.map(({ name, script }) => ({ name, script, labels: [...SITE_LABELS] })),
  });
  const [, , cancelled] = jobs;
  await github.until(() => github.checkRuns(repo, headSha).length === JOBS.length, LIMIT_MS);
  if (cancelled !== undefined) github.cancelJob(cancelled);
  await github.until(() => isOver(site, headSha), LIMIT_MS);
  const left = await untilNothingIsLeft(site);
  unwatch();
  console.log(
    summary(
      github.checkRuns(repo, headSha),
      jobs.map((id) => github.job(id)),
    ),
  );
  console.log(`\nAs GitHub shows it: ${github.url}/${repo}/commit/${headSha}/checks (stays up with --stay)`);
  return judge(site, headSha, jobs, left);
}

const isOver = ({ github, repo }: Site, headSha: string): boolean =>
  github.jobs(repo).every((job) => job.status === "completed") &&
  github.checkRuns(repo, headSha).every((check) => check.status === "completed");

/** Looks until there is nothing, or the time is over; answers what is there then. */
async function untilNothingIsLeft(site: Site): Promise<string[]> {
  for (let triesLeft = 60; ; triesLeft -= 1) {
    const left = await everythingLeft(site);
    if (left.length === 0 || triesLeft === 0) return left;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function everythingLeft({ github, repo, leftovers, mayfly }: Site): Promise<string[]> {
  const runners = github.runners(repo).map(({ name }) => `runner ${name}`);
  const { machines }: { machines: { name: string }[] } = JSON.parse(await mayfly("ps", "--json"));
  return [...(await leftovers()), ...runners, ...machines.map(({ name }) => `row ${name}`)];
}

function judge(site: Site, headSha: string, ids: readonly number[], left: readonly string[]): boolean {
  const { github, repo } = site;
  const wrong = JOBS.flatMap(({ name, conclusion, check }, index) => {
    const job = github.job(ids[index] ?? 0);
    const found = github.checkRuns(repo, headSha).filter(({ externalId }) => externalId === String(job.id));
    return [
      ...(job.conclusion === conclusion
        ? []
        : [`job "${name}" ended as ${job.conclusion}, not ${conclusion}`]),
      ...(found.length === 1 ? [] : [`job "${name}" has ${found.length} check runs`]),
      ...found
        .filter((one) => one.conclusion !== check)
        .map((one) => `check run "${one.name}" says ${one.conclusion}, not ${check}`),
    ];
  });
  const faults = [
    ...wrong,
    ...left.map((thing) => `left: ${thing}`),
    ...github.violations.map((text) => `not as GitHub: ${text}`),
  ];
  for (const fault of faults) console.log(`WRONG  ${fault}`);
  if (faults.length === 0)
    console.log("\nAll three jobs ended as they should. No VM, disk, folder, runner or row is left.");
  return faults.length === 0;
}

type Teller = (who: string, what: string) => void;

function newTeller(): Teller {
  const startedAt = Date.now();
  return (who, what) =>
    console.log(`${clock(Date.now() - startedAt).padStart(5)}  ${who.padEnd(8)}  ${what}`);
}

const STEPS: Readonly<Record<string, string>> = {
  start: "VM ordered",
  configure: "runner registered and handed to the guest",
  destroy: "VM destroyed",
  deregister: "runner removed at GitHub",
};

/** What the controller says, in fewer words. */
function tellLog(tell: Teller, { msg, machine, step, why, text, tookMs }: LogEntry): void {
  if (msg === "machine created" || msg === "stranger adopted") tell("machine", `${machine}: ${msg}`);
  if (msg === "machine retired") tell("machine", `${machine}: retired, ${why}`);
  if (msg === "machine failed") tell("machine", `${machine}: failed, ${why}${text ? `: ${text}` : ""}`);
  const done = typeof step === "string" && msg === "step done" ? STEPS[step] : undefined;
  if (done)
    tell("machine", `${machine}: ${done}${step === "destroy" ? ` in ${Number(tookMs) / 1000} s` : ""}`);
}

/** Tells each change of a job and of a check run's title, as GitHub sees it. */
function watch({ github, repo }: Site, tell: Teller): () => void {
  const told = new Map<string, string>();
  const note = (key: string, who: string, text: string) => {
    if (told.get(key) === text) return;
    told.set(key, text);
    tell(who, text);
  };
  const look = () => {
    for (const job of github.jobs(repo)) {
      note(
        `job ${job.id}`,
        "job",
        `"${job.name}" is ${job.conclusion ?? job.status}${job.runner && job.status !== "queued" ? ` on ${job.runner.name}` : ""}`,
      );
    }
    for (const check of github.checkRuns(repo)) {
      note(
        `check ${check.id}`,
        "check",
        `${check.name} (${check.conclusion ?? check.status}): ${check.output.title ?? ""}`,
      );
    }
  };
  github.world.listeners.add(look);
  return () => void github.world.listeners.delete(look);
}

const MARKS: Readonly<Record<string, string>> = { success: "✓", failure: "✗", neutral: "■", cancelled: "⊘" };

/** The checks of the commit, as a pull request shows them. */
function summary(checks: readonly CheckRun[], jobs: readonly Job[]): string {
  const lines = checks.map(
    ({ name, conclusion, output }) =>
      `  ${MARKS[conclusion ?? ""] ?? "●"} ${name.padEnd(24)} ${output.title ?? ""}`,
  );
  const ran = jobs.map(
    ({ name, conclusion }) =>
      `  ${MARKS[conclusion ?? ""] ?? "●"} demo / ${name.padEnd(17)} ${conclusion ?? ""}`,
  );
  return ["\nChecks of the commit:", ...ran, ...lines].join("\n");
}

/** NB: without this the demo's own end would leave its Mayfly behind. */
function untilInterrupted(): Promise<"interrupted"> {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done("interrupted"));
  });
}
