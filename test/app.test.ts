import { Probot } from "probot";
import { describe, expect, test } from "vitest";
import { mayflyApp, receive } from "../src/app.ts";
import { apply } from "../src/core/apply.ts";
import type { Fact } from "../src/core/facts.ts";
import type { ForkRule, Job, JobSeen, RunSeen } from "../src/core/types.ts";
import { aJob } from "./github/support.ts";
import { anImage, aRepository, aRunSeen, aWorld } from "./support/build.ts";
import { fakeClock } from "./support/clock.ts";
import { keptLog } from "./support/log.ts";
import { EXAMPLES } from "./support/webhook.ts";

const REPOSITORY = { full_name: "SpinW/spinw" };
const [EXAMPLE] = EXAMPLES;

type Setup = {
  serves?: (repo: string) => boolean;
  found?: JobSeen | "gone";
  run?: RunSeen | "gone";
  mayWrite?: boolean;
  known?: Job;
  forks?: ForkRule;
  /** What is known of the job's run already. */
  origin?: RunSeen | undefined;
};

async function start({
  serves = () => true,
  found = "gone",
  run = "gone",
  mayWrite = true,
  known,
  forks = "approve",
  origin,
}: Setup = {}) {
  const world = aWorld({
    catalogue: {
      repositories: [aRepository({ name: aJob().repo, forks })],
      images: [anImage({ labels: aJob().labels })],
    },
  });
  if (origin) apply(world.state, { kind: "run-seen", at: 0, job: 42, run: origin });
  const rerun: number[] = [];
  const rerunRuns: number[] = [];
  const read: string[] = [];
  const facts: Fact[] = [];
  const { log, text } = keptLog();
  const clock = fakeClock();
  const probot = new Probot({ githubToken: "none is used", log });
  let rung = 0;
  let swept = 0;
  const app = mayflyApp({
    record: async (added) => {
      facts.push(...added);
      for (const fact of added) apply(world.state, fact);
    },
    findJob: async (id) => known ?? world.state.jobs.get(id),
    ring: () => {
      rung += 1;
    },
    sweepSoon: () => {
      swept += 1;
    },
    readSettings: async (repo) => void read.push(repo),
    github: {
      job: async () => found,
      run: async () => run,
      mayWrite: async () => mayWrite,
      rerunJob: async (_repo, id) => {
        rerun.push(id);
        return "queued";
      },
      rerunRun: async (_repo, id) => {
        rerunRuns.push(id);
        return "queued";
      },
    },
    serves,
    world: () => world,
    clock,
    log,
  });
  await probot.load(app);
  const tell = (event: string, payload: object) =>
    receive(probot, { id: "1", event, payload: JSON.stringify(payload), receivedAt: 0 });
  return {
    tell,
    facts,
    rerun,
    rerunRuns,
    read,
    rung: () => rung,
    swept: () => swept,
    now: clock.now(),
    logged: text,
  };
}

/** Somebody's click on a check run of ours. */
const click = (action: string, external_id: string, conclusion = "neutral", identifier = "retry") => ({
  action,
  check_run: { external_id, conclusion },
  requested_action: { identifier },
  repository: REPOSITORY,
  sender: { login: "mona" },
});

/** What changed the settings file. */
const push = (repository: object = REPOSITORY) => ({
  ref: "refs/heads/main",
  commits: [{ added: [], modified: [".github/mayfly.yml"], removed: [] }],
  repository: { default_branch: "main", ...repository },
});

describe("the app", () => {
  test("turns each of GitHub's own workflow_job webhooks into a fact, and rings", async () => {
    const { tell, facts, rung, now } = await start();

    for (const example of EXAMPLES) await tell("workflow_job", example);

    expect(facts.map((fact) => fact.kind === "job-seen" && fact.job.id)).toEqual(
      EXAMPLES.map((example) => example.workflow_job.id),
    );
    expect(facts.every(({ at }) => at === now)).toBe(true);
    expect(rung()).toBe(8);
  });

  test("ignores repositories that are not in the catalogue", async () => {
    const { tell, facts, read, rung } = await start({ serves: (repo) => repo === "SpinW/spinw" });

    await tell("workflow_job", EXAMPLE ?? {});
    await tell("push", push({ full_name: "other/other" }));

    expect(facts).toEqual([]);
    expect(read).toEqual([]);
    expect(rung()).toBe(0);
  });

  test("looks a job up anew when its check run is asked for again", async () => {
    const job = aJob({ id: 42, status: "done" });
    const { tell, facts, rung } = await start({ found: job });

    await tell("check_run", click("rerequested", "42"));

    expect(facts).toMatchObject([{ kind: "job-seen", job: { id: 42, status: "done" } }]);
    expect(rung()).toBe(1);
  });

  test.for([
    ["created", "42"],
    ["completed", "42"],
    ["rerequested", "somebody else's"],
  ] as const)("leaves a check run alone that is %s and bears the id %s", async ([action, external_id]) => {
    const { tell, facts, rung } = await start({ found: aJob() });

    await tell("check_run", click(action, external_id));

    expect(facts).toEqual([]);
    expect(rung()).toBe(0);
  });

  test.for([
    ["installation", { action: "suspend", installation: { id: 1 } }],
    ["installation_repositories", { action: "added", installation: { id: 1 } }],
    ["push", push()],
  ] as const)("has a pass look around after %s", async ([event, payload]) => {
    const { tell, rung } = await start();

    await tell(event, payload);

    expect(rung()).toBe(1);
  });

  test.for([
    ["installation", { action: "deleted", installation: { id: 1 } }],
    ["installation_repositories", { action: "removed", installation: { id: 1 } }],
    ["check_run", click("rerequested", "42")],
  ] as const)("has GitHub swept soon after %s", async ([event, payload]) => {
    const { tell, swept } = await start();

    await tell(event, payload);

    expect(swept()).toBe(1);
  });

  test("reads a repository's settings file anew when a push may have changed it, and else not", async () => {
    const { tell, read } = await start();

    await tell("push", { ...push(), ref: "refs/heads/next" });
    expect(read).toEqual([]);
    await tell("push", push());

    expect(read).toEqual(["SpinW/spinw"]);
  });

  test("reads it anew when another branch is the default one", async () => {
    const { tell, read } = await start();

    await tell("repository", { action: "edited", changes: { homepage: {} }, repository: REPOSITORY });
    expect(read).toEqual([]);
    await tell("repository", {
      action: "edited",
      changes: { default_branch: { from: "main" } },
      repository: REPOSITORY,
    });

    expect(read).toEqual(["SpinW/spinw"]);
  });

  test("does not sweep for each job", async () => {
    const { tell, swept } = await start();

    await tell("workflow_job", EXAMPLE ?? {});

    expect(swept()).toBe(0);
  });

  test("does not answer for a webhook that it cannot read", async () => {
    const { tell, facts } = await start();

    const told = tell("workflow_job", { action: "queued", workflow_job: {}, repository: REPOSITORY });

    await expect(told).rejects.toThrow();
    expect(facts).toEqual([]);
  });

  test("lets events pass that it does not know", async () => {
    const { tell, facts, rung } = await start();

    await tell("an_event_of_next_year", { action: "created" });

    expect([facts, rung()]).toEqual([[], 0]);
  });
});

describe("the button Retry", () => {
  test("has a job that was given up tried from the beginning, and notes who asked", async () => {
    const { tell, facts, rung } = await start({ found: aJob({ id: 42, status: "queued" }) });

    await tell("check_run", click("requested_action", "42", "failure"));

    expect(facts).toMatchObject([{ kind: "job-seen" }, { kind: "job-retried", job: 42, by: "mona" }]);
    expect(rung()).toBe(2);
  });

  test("runs a job again that has ended", async () => {
    const found = aJob({ id: 42, status: "done", conclusion: "failure" });
    const { tell, facts, rerun } = await start({ found });

    await tell("check_run", click("requested_action", "42", "failure"));

    expect(rerun).toEqual([42]);
    expect(facts).toMatchObject([{ kind: "job-seen" }]);
  });

  test("does nothing to a job that went well", async () => {
    const { tell, rerun } = await start({ found: aJob({ id: 42, status: "done", conclusion: "success" }) });

    await tell("check_run", click("requested_action", "42", "failure"));

    expect(rerun).toEqual([]);
  });

  test("is refused to a person who may not write, and says so in the log", async () => {
    const { tell, facts, rerun, logged } = await start({ found: aJob({ id: 42 }), mayWrite: false });

    await tell("check_run", click("requested_action", "42", "failure"));

    expect([facts, rerun]).toEqual([[], []]);
    expect(logged()).toContain("may not write");
  });
});

describe("the button Hold next", () => {
  const hold = click("requested_action", "42", "failure", "hold-next");
  const found = aJob({ id: 42, status: "done", conclusion: "failure" });
  const failure = { machine: "m", image: "plain", at: 0, why: "boot-timeout" as const, text: "" };
  const known: Job = { ...found, tries: 1, failure };

  test("asks for the next machine like the one that failed to be held, and notes who did", async () => {
    const { tell, facts, rerun, rung } = await start({ found, known });

    await tell("check_run", hold);

    expect(facts).toMatchObject([
      { kind: "job-seen" },
      { kind: "hold-asked", job: 42, repo: found.repo, image: "plain", by: "mona" },
    ]);
    expect([rerun, rung()]).toEqual([[], 2]);
  });

  test.for([
    ["no machine of whose has failed", { ...known, failure: undefined }],
    ["that is not known any more", undefined],
  ] as const)("does nothing about a job %s", async ([, job]) => {
    const { tell, facts } = await start({ found, ...(job && { known: job }) });

    await tell("check_run", hold);

    expect(facts).toMatchObject([{ kind: "job-seen" }]);
  });

  test("is refused to a person who may not write, and says so in the log", async () => {
    const { tell, facts, logged } = await start({ found, known, mayWrite: false });

    await tell("check_run", hold);

    expect(facts).toEqual([]);
    expect(logged()).toContain("hold-next refused: this person may not write");
  });
});

describe("the button Approve", () => {
  const approve = click("requested_action", "42", "action_required", "approve");
  const ended = aJob({ id: 42, status: "done", conclusion: "cancelled" });

  test("lets the attempt of the job's run go, at its commit, and notes who did", async () => {
    const found = aJob({ id: 42, attempt: 2, status: "queued" });
    const origin = aRunSeen({ id: found.runId, attempt: 2 });
    const { tell, facts, rung } = await start({ found, origin });

    await tell("check_run", approve);

    const { headSha: sha, runId: run } = found;
    expect(facts).toMatchObject([
      { kind: "job-seen" },
      { kind: "run-approved", job: 42, run, attempt: 2, sha, by: "mona" },
    ]);
    expect(rung()).toBe(2);
  });

  test("has the run run again if its job has ended meanwhile, and lets that attempt go", async () => {
    const run = aRunSeen({ id: ended.runId });
    const { tell, facts, rerunRuns } = await start({ found: ended, run });

    await tell("check_run", approve);

    expect(facts).toMatchObject([
      { kind: "job-seen" },
      { kind: "run-seen" },
      { kind: "run-approved", attempt: 2 },
    ]);
    expect(rerunRuns).toEqual([ended.runId]);
  });

  test.for([
    ["was run again already, as when the click is told twice", ended, aRunSeen({ id: 70, attempt: 2 })],
    ["is gone", ended, "gone"],
    ["has run", { ...ended, conclusion: "success", ranOn: "a machine" }, aRunSeen({ id: 70 })],
  ] as const)("does nothing about a run that %s", async ([, found, run]) => {
    const { tell, facts, rerunRuns } = await start({ found, run, origin: aRunSeen({ id: 70 }) });

    await tell("check_run", approve);

    expect(facts.map(({ kind }) => kind)).not.toContain("run-approved");
    expect(rerunRuns).toEqual([]);
  });

  const queued = aJob({ id: 42 });
  const theirs = aRunSeen({ id: 70 });
  const ours = aRunSeen({ id: 70, repo: queued.repo, head: queued.repo });
  test.for([
    ["forks are refused: the rule can be changed", "refuse", queued, theirs, '"forks: approve"'],
    ["forks were refused when it ended", "refuse", ended, theirs, '"forks: approve"'],
    ["it is no fork's", "approve", queued, ours, "it is no fork's"],
    ["it is no fork's, and ended", "approve", ended, ours, "it is no fork's"],
    ["forks may run anyhow", "allow", queued, theirs, "lets forks run"],
    ["it is not known yet whether it is a fork's", "approve", queued, undefined, "Try again in a minute"],
    ["it runs", "approve", { ...queued, status: "running", ranOn: "m" }, theirs, "has a machine already"],
  ] as const)("keeps no approval if %s", async ([, forks, found, origin, said]) => {
    const { tell, facts, rerunRuns, logged } = await start({
      found,
      forks,
      origin,
      run: origin ?? "gone",
    });

    await tell("check_run", approve);

    expect(facts.map(({ kind }) => kind)).not.toContain("run-approved");
    expect(rerunRuns).toEqual([]);
    expect(logged().replaceAll('\\"', '"')).toContain(said);
  });

  test("keeps one approval if it is pressed twice", async () => {
    const { tell, facts, logged } = await start({ found: queued, origin: theirs });

    await tell("check_run", approve);
    await tell("check_run", approve);

    expect(facts.filter(({ kind }) => kind === "run-approved")).toHaveLength(1);
    expect(logged()).toContain("mona has approved it already");
  });

  test("is refused to a person who may not write, and says so in the log", async () => {
    const { tell, facts, logged } = await start({ found: aJob({ id: 42 }), mayWrite: false });

    await tell("check_run", approve);

    expect(facts).toEqual([]);
    expect(logged()).toContain("approve refused: this person may not write");
  });
});
