import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import { explainJob } from "../../src/core/explain.ts";
import { waitsSince } from "../../src/core/measure.ts";
import { CANCEL_AGAIN_MS, DEFAULT_PATIENCE, LATE_EVENT_MS } from "../../src/core/patience.ts";
import { plan, storiesOf } from "../../src/core/plan.ts";
import type { CheckRun } from "../../src/core/report.ts";
import { runKey } from "../../src/core/runs.ts";
import type { ForkRule, Job } from "../../src/core/types.ts";
import {
  ASKING,
  ago,
  aJob,
  aJobSeen,
  anImage,
  aRepository,
  aRun,
  aRunSeen,
  aWorld,
  configured,
  doneIn,
  hours,
  M1,
  NOW,
  REPO,
  ready,
  runnerSeen,
  seconds,
  toldOf,
  VM_UP,
  type WorldParts,
  working,
} from "../support/build.ts";

const SHA = aJob().headSha;
const approved = { at: NOW, by: "mona", sha: SHA };
const catalogue = (forks: ForkRule, changes = {}) => ({ repositories: [aRepository({ forks, ...changes })] });
/** One that waits, of another run than the fork's, and no fork's itself. */
const OTHER = aJob({ id: 2, runId: 200, queuedAt: ago(seconds(5)) });
const OTHERS_RUN = aRun({ id: 200, head: REPO, event: "push" });

const machinesFor = (parts: WorldParts) =>
  plan(aWorld(parts)).facts.flatMap((fact) => (fact.kind === "machine-created" ? [fact.forJob] : []));
const told = (parts: WorldParts, id = 1): CheckRun => {
  const world = aWorld(parts);
  const job = world.state.jobs.get(id) ?? aJob();
  return toldOf(job, storiesOf(world)(job), { catalogue: world.catalogue });
};
const published = (parts: WorldParts): string[] =>
  plan(aWorld(parts)).effects.flatMap((effect) => (effect.do === "publish" ? [effect.digest] : []));
const why = (parts: WorldParts, id = 1): string => {
  const world = aWorld(parts);
  const job = world.state.jobs.get(id) ?? aJob();
  return explainJob(job, storiesOf(world)(job), world.catalogue, NOW).join(" ");
};

describe("a job whose run is not known", () => {
  const parts = { jobs: [aJob()], catalogue: catalogue("approve") };

  test("gets no machine and no check run, and its run is looked up", () => {
    expect(machinesFor(parts)).toEqual([]);
    expect(published(parts)).toEqual([]);
    expect(doneIn(parts)).toEqual(["look-up-run 1"]);
    expect(why(parts)).toContain("GitHub is being asked whether it comes from a fork.");
  });

  test("costs one call for all jobs of the run's attempt", () => {
    const matrix = Array.from({ length: 256 }, (_, index) => aJob({ id: index + 1 }));

    expect(doneIn({ ...parts, jobs: [...matrix, aJob({ id: 300, attempt: 2 })] })).toEqual([
      "look-up-run 1",
      "look-up-run 300",
    ]);
  });

  test("costs none where forks are allowed, nor if no runner of ours could have it", () => {
    expect(doneIn({ ...parts, catalogue: catalogue("allow") })).toEqual([]);
    expect(doneIn({ ...parts, jobs: [aJob({ labels: ["ubuntu-latest"] })] })).toEqual([]);
  });

  test.for([
    ["GitHub holds back", { status: "waiting" }],
    ["is over", { status: "done" }],
    ["runs on somebody else's runner", { status: "running", ranOn: "theirs" }],
  ] as const)("costs none if GitHub %s", ([, changes]) => {
    expect(doneIn({ ...parts, jobs: [aJob(changes)] })).not.toContain("look-up-run 1");
  });

  test("costs none where the App is not installed any more", () => {
    expect(doneIn({ ...parts, withoutAccess: [REPO] })).toEqual([]);
  });

  test("gets its machine once it is known that it is no fork's", () => {
    expect(machinesFor({ ...parts, runs: [aRun({ head: REPO })] })).toEqual([1]);
  });
});

describe("a fork's job that is refused", () => {
  const parts = { jobs: [aJob()], runs: [aRun()], catalogue: catalogue("refuse") };

  test("gets no machine, and a check run that says so at once and blocks nothing", () => {
    expect(machinesFor(parts)).toEqual([]);
    expect(published(parts)).toEqual(["refused"]);
    expect(told(parts)).toMatchObject({
      status: "completed",
      conclusion: "neutral",
      title: "Refused: a pull request from a fork",
      summary: expect.stringMatching(/`stranger\/spinw`.*push the commits to a branch.*forks: approve/),
      actions: [],
    });
    expect(why(parts)).toContain("comes from the fork stranger/spinw");
  });

  test("is left in GitHub's queue as long as nobody is behind it", () => {
    expect(doneIn(parts)).toEqual([]);
  });

  test("has its run cancelled after it was told, where jobs that are given up have theirs", () => {
    const cancel = { ...parts, catalogue: catalogue("refuse", { onGiveUp: "cancel" }) };
    const check = { id: 9, digest: "refused" };

    expect(doneIn(cancel)).toEqual([]);
    expect(doneIn({ ...cancel, jobs: [aJob({ check })] })).toEqual(["cancel-run 1"]);
    expect(doneIn({ ...cancel, jobs: [aJob({ check, runCancelledAt: NOW })] })).toEqual([]);
  });

  test("has a last word that says that no machine ran it", () => {
    const jobs = [aJob({ status: "done", conclusion: "cancelled", doneAt: NOW })];

    expect(told({ ...parts, jobs })).toMatchObject({ conclusion: "neutral", actions: [] });
    expect(told({ ...parts, jobs }).summary).toContain("no machine ran it");
  });

  test("is not given up, however long it waits", () => {
    const jobs = [aJob({ queuedAt: ago(hours(23)), check: { id: 9, digest: "refused" } })];

    expect(plan(aWorld({ ...parts, jobs, since: ago(hours(100)) })).facts).toEqual([]);
  });
});

describe("a fork's job that nobody has approved", () => {
  const parts = { jobs: [aJob()], runs: [aRun()], catalogue: catalogue("approve", { onGiveUp: "cancel" }) };

  test("gets no machine, and a check run with the button Approve", () => {
    expect(machinesFor(parts)).toEqual([]);
    expect(doneIn(parts)).toEqual([]);
    expect(told(parts)).toMatchObject({
      digest: "unapproved",
      status: "completed",
      conclusion: "action_required",
      title: "Waits for approval: a pull request from a fork",
      actions: [{ label: "Approve", identifier: "approve" }],
    });
    expect(why(parts)).toContain("somebody who may write to the repository has to let it run");
  });

  test("names no fork that is gone", () => {
    expect(told({ ...parts, runs: [aRun({ head: undefined })] }).summary).toContain("a fork that is gone");
  });

  test("shows a fork's name as data, whatever it is", () => {
    const { summary } = told({ ...parts, runs: [aRun({ head: "a/[b](https://evil.invalid)" })] });

    expect(summary).toContain("`a/[b](https://evil.invalid)`");
  });

  test("gets its machine after an approval, and its check run goes on", () => {
    const jobs = [aJob({ check: { id: 9, digest: "unapproved" } })];
    const after = { ...parts, jobs, runs: [aRun({}, approved)] };

    expect(machinesFor(after)).toEqual([1]);
    expect(told(after)).toMatchObject({ digest: "waiting/0", status: "queued", actions: [] });
  });

  test("waits from the approval on, not from when it was queued", () => {
    const jobs = [aJob({ queuedAt: ago(hours(23)), readyAt: ago(hours(23)) })];
    const approvedAt = (at: number) => {
      const world = aWorld({ ...parts, jobs, since: ago(hours(100)) });
      apply(world.state, { kind: "run-approved", job: 1, run: 100, attempt: 1, sha: SHA, by: "mona", at });
      const [job = aJob()] = world.state.jobs.values();
      return {
        waits: waitsSince(job),
        isGivenUp: plan(world).facts.some(({ kind }) => kind === "job-given-up"),
      };
    };
    const longAgo = ago(DEFAULT_PATIENCE.waitMs);

    expect(approvedAt(NOW)).toEqual({ waits: NOW, isGivenUp: false });
    expect(approvedAt(longAgo)).toEqual({ waits: longAgo, isGivenUp: true });
  });

  test("can be approved also after it has ended, since its run can be run again", () => {
    const jobs = [aJob({ status: "done", conclusion: "cancelled", doneAt: NOW, runCancelledAt: NOW })];

    expect(told({ ...parts, jobs })).toMatchObject({
      conclusion: "action_required",
      title: "Ended before it was approved: a pull request from a fork",
      actions: [{ identifier: "approve" }],
    });
    expect(told({ ...parts, jobs }).summary).toContain("Mayfly had its run cancelled");
  });

  test("cannot be approved after it has run", () => {
    const jobs = [aJob({ status: "done", conclusion: "success", doneAt: NOW, ranOn: "theirs" })];

    expect(told({ ...parts, jobs })).toMatchObject({ conclusion: "success", actions: [] });
  });
});

describe("a fork's job in GitHub's queue, which GitHub could give the runner of another", () => {
  const jobs = [aJob(), OTHER];
  const seen = { [M1]: ASKING };
  const parts = {
    jobs,
    machines: [ready()],
    seen,
    runs: [aRun(), OTHERS_RUN],
    catalogue: catalogue("refuse"),
  };

  test.for(["refuse", "approve"] as const)(
    "is cancelled with its run, and until it is gone no runner is registered (%s)",
    (forks) => {
      expect(doneIn({ ...parts, catalogue: catalogue(forks) })).toEqual(["cancel-run 1"]);
    },
  );

  test("keeps nobody from a machine, which boots meanwhile", () => {
    expect(machinesFor({ ...parts, machines: [] })).toEqual([2]);
  });

  test("lets the other one have its runner once it is gone", () => {
    const gone = aJob({
      status: "done",
      conclusion: "cancelled",
      check: { id: 9, digest: "done/cancelled" },
    });

    expect(doneIn({ ...parts, jobs: [gone, OTHER] })).toEqual([`configure ${M1}`]);
  });

  test("holds up registrations also while its run is looked up, and is not cancelled before it is known", () => {
    expect(doneIn({ ...parts, runs: [OTHERS_RUN] })).toEqual(["look-up-run 1"]);
  });

  test("is in the way of a runner that was handed out and has no job yet", () => {
    const handed = { machines: [configured()], seen: { [M1]: { ...VM_UP, ...runnerSeen("idle") } } };

    expect(doneIn({ ...parts, ...handed, jobs: [aJob()] })).toContain("cancel-run 1");
  });

  test("is in the way of a special machine, too, that has its labels among others", () => {
    const images = [anImage(), anImage({ name: "big", labels: ["self-hosted", "our-plain", "our-big"] })];
    const repositories = [aRepository({ forks: "refuse", images: ["plain", "big"] })];
    const big = { ...OTHER, labels: ["our-big"] };
    const machines = [ready({ image: "big" })];

    expect(doneIn({ ...parts, jobs: [aJob(), big], machines, catalogue: { images, repositories } })).toEqual([
      "cancel-run 1",
    ]);
  });

  test("is in the way also if it asks for general labels only", () => {
    expect(doneIn({ ...parts, jobs: [aJob({ labels: ["self-hosted"] }), OTHER] })).toEqual(["cancel-run 1"]);
    expect(published({ ...parts, jobs: [aJob({ labels: ["self-hosted"] })] })).toEqual(["refused"]);
  });

  test("is in nobody's way in another repository, or with a label that no runner has", () => {
    const elsewhere = aJob({ repo: "octo/horace" });
    const repositories = [
      ...catalogue("refuse").repositories,
      aRepository({ name: "octo/horace", forks: "refuse" }),
    ];

    expect(doneIn({ ...parts, jobs: [elsewhere, OTHER], catalogue: { repositories } })).toEqual([
      `configure ${M1}`,
    ]);
    expect(doneIn({ ...parts, jobs: [aJob({ labels: ["our-plain", "gpu"] }), OTHER] })).toEqual([
      `configure ${M1}`,
    ]);
  });

  test("has its run cancelled once for all of its jobs", () => {
    const matrix = Array.from({ length: 5 }, (_, index) => aJob({ id: 10 + index }));
    const world = aWorld({ ...parts, jobs: [...matrix, OTHER] });
    const cancelled = () =>
      plan(world).effects.flatMap((effect) => (effect.do === "cancel-run" ? [effect.job] : []));
    const before = cancelled();

    apply(world.state, { kind: "run-cancelled", at: NOW, job: 10 });

    expect([before, cancelled()]).toEqual([[10], []]);
  });

  test("is looked up if its end is not told, and cancelled again, by force", () => {
    const since = (ms: number, changes: Partial<Job> = {}) => ({
      ...parts,
      jobs: [aJob({ runCancelledAt: ago(ms), ...changes }), OTHER],
    });
    const forced = (parts: WorldParts) =>
      plan(aWorld(parts)).effects.flatMap((effect) => (effect.do === "cancel-run" ? [effect.isForced] : []));

    expect(doneIn(since(LATE_EVENT_MS - 1))).toEqual([]);
    expect(doneIn(since(LATE_EVENT_MS))).toEqual(["look-up 1"]);
    expect(forced(since(CANCEL_AGAIN_MS))).toEqual([true]);
    expect(forced(since(hours(1), { runForcedAt: ago(CANCEL_AGAIN_MS - 1) }))).toEqual([]);
  });

  test("is what the other one's answer to 'why' names", () => {
    expect(why(parts, 2)).toContain("No runner is registered for it before job 1 has left GitHub's queue");
    expect(why({ ...parts, jobs: [OTHER] }, 2)).not.toContain("GitHub's queue");
  });
});

describe("a fork's job that runs on a machine of ours, since GitHub was quicker", () => {
  const running = (changes: Partial<Job> = {}) => aJob({ status: "running", ranOn: M1, ...changes });
  const parts = {
    jobs: [running()],
    machines: [working()],
    seen: { [M1]: { ...VM_UP, ...runnerSeen("busy") } },
    runs: [aRun()],
    catalogue: catalogue("refuse"),
  };
  const retired = (changes: WorldParts) =>
    plan(aWorld({ ...parts, ...changes })).facts.flatMap((fact) =>
      fact.kind === "machine-retired" ? [fact.why] : [],
    );

  test("costs its machine, and its run is cancelled", () => {
    expect(retired({})).toEqual(["fork"]);
    expect(doneIn(parts)).toContain("cancel-run 1");
  });

  test("has that machine destroyed, busy or not", () => {
    const machines = [working({ retired: { at: NOW, why: "fork" } })];

    expect(doneIn({ ...parts, machines, jobs: [running({ runCancelledAt: NOW })] })).toContain(
      `destroy ${M1}`,
    );
  });

  test("is looked up first if nothing is known of it", () => {
    expect(retired({ runs: [] })).toEqual([]);
    expect(doneIn({ ...parts, runs: [] })).toContain("look-up-run 1");
  });

  test("is known by its machine, whatever labels its image has by now", () => {
    const jobs = [running({ labels: ["our-label-of-yesterday"] })];

    expect(doneIn({ ...parts, jobs, runs: [] })).toContain("look-up-run 1");
    expect(retired({ jobs })).toEqual(["fork"]);
    expect(doneIn({ ...parts, jobs })).toContain("cancel-run 1");
    expect(retired({ jobs: [running({ labels: ["self-hosted", "windows"] })] })).toEqual(["fork"]);
  });

  test.for([
    ["running", "it is stopped", undefined],
    ["done", "it was stopped", "cancelled"],
  ] as const)("is told why it ended, and has no button, when it is %s: %s", ([status, , conclusion]) => {
    const machines = [working({ retired: { at: NOW, why: "fork" } })];
    const jobs = [running({ status, conclusion, startedAt: ago(seconds(9)) })];

    const said = told({ ...parts, machines, jobs });

    expect(said).toMatchObject({ title: "Stopped: a pull request from a fork", actions: [] });
    expect(said.summary).toContain("may not run here, or that nobody had approved");
    expect(why({ ...parts, machines, jobs })).toContain("GitHub gave its runner to a fork's job");
  });

  test("is told as any other if it had gone well before that", () => {
    const machines = [working({ retired: { at: NOW, why: "fork" } })];
    const jobs = [
      running({ status: "done", conclusion: "success", startedAt: ago(seconds(9)), doneAt: NOW }),
    ];

    expect(told({ ...parts, machines, jobs }).title).toBe("Ran on plain for 0:09");
  });

  test("goes on if its repository is served no more: no rule is left for it", () => {
    expect(retired({ catalogue: { repositories: [] } })).toEqual([]);
  });

  test("goes on if it is no fork's, or was approved", () => {
    expect(retired({ runs: [aRun({ head: REPO })] })).toEqual([]);
    expect(retired({ catalogue: catalogue("approve"), runs: [aRun({}, approved)] })).toEqual([]);
  });
});

describe("a job that began to run on a machine of ours while the rule let it", () => {
  const parts = {
    jobs: [aJob({ status: "running", ranOn: M1 })],
    machines: [working()],
    seen: { [M1]: { ...VM_UP, ...runnerSeen("busy") } },
    catalogue: catalogue("allow"),
  };
  const admitted = (changes: WorldParts = {}) =>
    plan(aWorld({ ...parts, ...changes })).facts.flatMap((fact) =>
      fact.kind === "job-admitted" ? [fact.job] : [],
    );

  test("is noted once, whether or not it is known to be a fork's", () => {
    const runs = [aRun({}, approved)];
    const jobs = [aJob({ status: "running", ranOn: M1, admittedAt: NOW })];

    expect(admitted()).toEqual([1]);
    expect(admitted({ runs, catalogue: catalogue("approve") })).toEqual([1]);
    expect(admitted({ jobs })).toEqual([]);
  });

  test("is not noted if no rule could end it, nor while it does not run here, nor if it may not run", () => {
    expect(admitted({ runs: [aRun({ head: REPO })] })).toEqual([]);
    expect(admitted({ jobs: [aJob()] })).toEqual([]);
    expect(admitted({ jobs: [aJob({ status: "running", ranOn: "theirs" })] })).toEqual([]);
    expect(admitted({ catalogue: catalogue("refuse") })).toEqual([]);
    expect(admitted({ runs: [aRun()], catalogue: catalogue("approve") })).toEqual([]);
  });

  test.for(["refuse", "approve"] as const)("goes on when the rule becomes '%s'", (forks) => {
    const world = aWorld({ ...parts, runs: [aRun()], catalogue: catalogue(forks) });
    const endings = () => [
      ...plan(world).facts,
      ...plan(world).effects.filter((one) => one.do !== "publish"),
    ];
    const before = endings();

    apply(world.state, { kind: "job-admitted", at: NOW, job: 1 });

    expect(before).toMatchObject([{ kind: "machine-retired", why: "fork" }, { do: "cancel-run" }]);
    expect(endings()).toEqual([]);
  });

  test("keeps the first time that it was noted, and one that is not open none", () => {
    const { state } = aWorld(parts);
    for (const fact of [
      { kind: "job-admitted", at: NOW, job: 1 },
      { kind: "job-admitted", at: NOW + 1, job: 1 },
      { kind: "job-seen", at: NOW, job: aJobSeen() },
      { kind: "job-admitted", at: NOW, job: 2 },
    ] as const)
      apply(state, fact);

    expect(state.jobs.get(1)).toMatchObject({ admittedAt: NOW, status: "running" });
    expect([...state.jobs.keys()]).toEqual([1]);
  });
});

describe("what is learnt of a run", () => {
  const seenRun = { kind: "run-seen" as const, at: NOW, job: 1, run: aRunSeen() };
  const letRun = {
    kind: "run-approved" as const,
    at: NOW + 1,
    job: 1,
    run: 100,
    attempt: 1,
    sha: SHA,
    by: "mona",
  };

  test("is the same in whatever order it comes, and however often", () => {
    const forth = aWorld({ jobs: [aJob()] }).state;
    const back = aWorld({ jobs: [aJob()] }).state;

    for (const fact of [seenRun, letRun, letRun, seenRun]) apply(forth, fact);
    for (const fact of [letRun, seenRun]) apply(back, fact);

    const run = { id: 100, attempt: 1, seen: aRunSeen(), approved: { at: NOW + 1, by: "mona", sha: SHA } };
    expect(forth.runs.get(runKey(aJob()))).toMatchObject(run);
    expect(back.runs.get(runKey(aJob()))).toMatchObject(run);
  });

  test("holds for a job that is told of only afterwards", () => {
    const world = aWorld({ catalogue: catalogue("approve") });
    for (const fact of [letRun, seenRun]) apply(world.state, fact);

    apply(world.state, { kind: "job-seen", at: NOW, job: aJobSeen({ id: 7 }) });

    expect(plan(world).facts).toMatchObject([{ kind: "machine-created", forJob: 7 }]);
  });

  test("keeps the first person who approved, and takes the next one's commit if it is another", () => {
    const { state } = aWorld();
    const again = { ...letRun, at: NOW + 2, by: "eve" };

    apply(state, letRun);
    apply(state, again);
    const first = state.runs.get("100/1")?.approved;
    apply(state, { ...again, sha: "b".repeat(40) });

    expect(first?.by).toBe("mona");
    expect(state.runs.get("100/1")?.approved).toMatchObject({ by: "eve", sha: "b".repeat(40) });
  });

  test("says that a repository is public if one of the looks at its job did", () => {
    const { state } = aWorld({ jobs: [aJob()] });
    const see = (isPublic?: boolean) =>
      apply(state, { kind: "job-seen", at: NOW, job: aJobSeen({ isPublic }) });
    const isPublic = () => state.jobs.get(1)?.isPublic;

    see();
    const none = isPublic();
    see(false);
    const no = isPublic();
    see(true);
    see(false);

    expect([none, no, isPublic()]).toEqual([undefined, false, true]);
  });
});
