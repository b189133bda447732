import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import { emptyState, type Fact, poolKey, type State } from "../../src/core/facts.ts";
import type { Failure, JobSeen, Why } from "../../src/core/types.ts";
import { ago, aJobSeen, M1, M2, minutes, NOW, REPO, seconds } from "../support/build.ts";

const POOL = poolKey({ repo: REPO, image: "plain" });

const seen = (changes: Partial<JobSeen> = {}, at = NOW): Fact => ({
  kind: "job-seen",
  at,
  job: aJobSeen(changes),
});
const created = (machine = M1, forJob?: number): Fact => ({
  kind: "machine-created",
  at: ago(seconds(30)),
  machine,
  repo: REPO,
  image: "plain",
  host: "lab1",
  forJob,
});
const aFailure = (machine = M1, why: Why = "boot-failed"): Failure => ({
  machine,
  image: "plain",
  at: NOW,
  why,
  text: "no space left",
});
const failed = (machine = M1, why: Why = "boot-failed"): Fact => ({
  kind: "machine-retired",
  at: NOW,
  machine,
  why,
  failure: aFailure(machine, why),
});
const retired = (why: Why, at = NOW): Fact => ({ kind: "machine-retired", at, machine: M1, why });

function folded(...facts: Fact[]): State {
  const state = emptyState();
  for (const fact of facts) apply(state, fact);
  return state;
}

describe("a job", () => {
  test("opens with the first that is heard of it, if it is not done by then", () => {
    expect(folded(seen()).jobs.get(1)).toEqual({ ...aJobSeen(), tries: 0, readyAt: NOW });
    expect(folded(seen({ id: 2, status: "running" })).jobs.get(2)?.status).toBe("running");
    expect(folded(seen({ id: 3, status: "done" })).jobs.size).toBe(0);
  });

  test("only moves forward, in whatever order and however often its webhooks come", () => {
    const webhooks = [
      seen(),
      seen({ status: "running", startedAt: ago(seconds(5)), ranOn: M1 }),
      seen({ status: "done", startedAt: ago(seconds(5)), ranOn: M1, doneAt: NOW, conclusion: "success" }),
    ];
    const shuffled = fc
      .shuffledSubarray([...webhooks, ...webhooks], { minLength: 6 })
      .filter(([first]) => first !== webhooks[2]);
    const ending = (facts: readonly Fact[]) => ({ ...folded(...facts).jobs.get(1), readyAt: undefined });
    const end = ending(webhooks);

    fc.assert(
      fc.property(shuffled, (facts) => {
        expect(ending(facts)).toEqual(end);
      }),
    );
    expect(end).toMatchObject({ status: "done", conclusion: "success", ranOn: M1 });
  });

  test("whose end is the first that is heard of it stays closed, also when its beginning is told later", () => {
    const state = folded(seen({ status: "done" }), seen(), seen({ status: "running" }));

    expect(state.jobs.size).toBe(0);
  });

  test("that is held back may be queued again, and the other way round", () => {
    expect(folded(seen(), seen({ status: "waiting" })).jobs.get(1)?.status).toBe("waiting");
    expect(folded(seen({ status: "waiting" }), seen()).jobs.get(1)?.status).toBe("queued");
  });

  test("that runs is not held back any more", () => {
    expect(folded(seen({ status: "running" }), seen({ status: "waiting" })).jobs.get(1)?.status).toBe(
      "running",
    );
  });

  test("keeps the name of its runner when a later webhook lacks it", () => {
    const state = folded(seen({ status: "running", ranOn: M1 }), seen({ status: "done" }));

    expect(state.jobs.get(1)).toMatchObject({ status: "done", ranOn: M1 });
  });

  test("keeps its times when a later webhook lacks them", () => {
    const state = folded(
      seen({ status: "running", startedAt: ago(seconds(5)) }),
      seen({ status: "done", doneAt: ago(seconds(1)) }),
      seen({ status: "done" }),
    );

    expect(state.jobs.get(1)).toMatchObject({ startedAt: ago(seconds(5)), doneAt: ago(seconds(1)) });
  });

  test("that was closed is not opened again by a late webhook", () => {
    const state = folded(seen(), { kind: "job-closed", at: NOW, job: 1 }, seen({ status: "running" }));

    expect(state.jobs.size).toBe(0);
    expect(state.closed).toEqual(new Set([1]));
  });

  test("is given up once, and its check run is the one published last", () => {
    const state = folded(
      seen(),
      { kind: "job-given-up", at: ago(seconds(2)), job: 1, cause: "first" },
      { kind: "job-given-up", at: NOW, job: 1, cause: "second" },
      { kind: "check-published", at: NOW, job: 1, check: 9, digest: "waiting/0" },
      { kind: "check-published", at: NOW, job: 1, check: 9, digest: "booting/0" },
    );

    expect(state.jobs.get(1)).toMatchObject({
      gaveUpAt: ago(seconds(2)),
      check: { id: 9, digest: "booting/0" },
    });
  });
});

describe("a job that waits", () => {
  test("has waited since it was let go last", () => {
    const state = folded(
      seen({}, ago(minutes(90))),
      seen({ status: "waiting" }, ago(minutes(60))),
      seen({}, ago(minutes(5))),
      seen({}, ago(minutes(1))),
    );

    expect(state.jobs.get(1)).toMatchObject({ heldAt: ago(minutes(60)), readyAt: ago(minutes(5)) });
  });

  test("and was given up has its tries anew when a person asks for it, and its pool does not rest", () => {
    const state = folded(seen(), created(M1, 1), failed(M1), {
      kind: "job-given-up",
      at: ago(minutes(1)),
      job: 1,
      cause: "One machine failed.",
    });
    apply(state, { kind: "run-cancelled", at: NOW, job: 1 });
    expect(state.jobs.get(1)).toMatchObject({ tries: 1, gaveUpCause: "One machine failed." });

    apply(state, { kind: "job-retried", at: NOW, job: 1, by: "mona" });

    expect(state.jobs.get(1)).toMatchObject({ tries: 0, readyAt: NOW, failure: { machine: M1 } });
    expect(state.jobs.get(1)?.runCancelledAt).toBeUndefined();
    expect(state.jobs.get(1)?.gaveUpAt).toBeUndefined();
    expect(state.streaks.size).toBe(0);
  });
});

describe("an installation that GitHub limits", () => {
  const limited = (at: number, until: number): Fact => ({
    kind: "github-limited",
    at,
    installation: 77,
    until,
  });

  test("is noted on the jobs that are open then, and on no other", () => {
    const state = folded(seen(), seen({ id: 2, installation: 78 }), limited(NOW, NOW + 60_000));

    expect(state.limited.get(77)).toEqual({ at: NOW, until: NOW + 60_000 });
    expect(state.jobs.get(1)?.limited).toEqual({ at: NOW, until: NOW + 60_000 });
    expect(state.jobs.get(2)?.limited).toBeUndefined();
  });

  test("is noted on a job that comes meanwhile, and not on one that comes later", () => {
    const state = folded(limited(NOW, NOW + 60_000), seen({}, NOW + 1000), seen({ id: 2 }, NOW + 60_000));

    expect(state.jobs.get(1)?.limited).toEqual({ at: NOW, until: NOW + 60_000 });
    expect(state.jobs.get(2)?.limited).toBeUndefined();
  });

  test("stays so for the longest time that was told, counted from the first", () => {
    const state = folded(
      limited(NOW, NOW + 60_000),
      limited(NOW + 1, NOW + 30_000),
      limited(NOW + 2, NOW + 90_000),
    );

    expect(state.limited.get(77)).toEqual({ at: NOW, until: NOW + 90_000 });
  });
});

test("a repository loses the App and gets it back, however its name is spelt", () => {
  const lost = folded({ kind: "repository-access", at: NOW, repo: "Octo/SpinW", granted: false });
  expect(lost.withoutAccess).toEqual(new Set(["octo/spinw"]));

  apply(lost, { kind: "repository-access", at: NOW, repo: REPO, granted: true });

  expect(lost.withoutAccess.size).toBe(0);
});

describe("a machine", () => {
  test("is created once", () => {
    const state = folded(created(M1, 1), { ...created(M1, 2), at: NOW });

    expect([...state.machines.values()]).toMatchObject([
      { name: M1, forJob: 1, createdAt: ago(seconds(30)) },
    ]);
  });

  test("that is adopted is retired from birth", () => {
    const state = folded({
      kind: "machine-adopted",
      at: NOW,
      machine: M1,
      repo: REPO,
      image: "plain",
      host: "lab1",
    });

    expect(state.machines.get(M1)).toMatchObject({ adopted: true, retired: { at: NOW, why: "stranger" } });
  });

  test("is retired once, and for the first reason: the latch never goes back", () => {
    const state = folded(created(), retired("surplus", ago(seconds(1))), retired("finished"), failed());

    expect(state.machines.get(M1)?.retired).toEqual({ at: ago(seconds(1)), why: "surplus" });
    expect(state.streaks.size).toBe(0);
  });

  test("that a person retires leaves for that reason, whatever it left for before, and once", () => {
    const state = folded(
      created(),
      retired("surplus", ago(seconds(3))),
      retired("operator", ago(seconds(2))),
      retired("operator", ago(seconds(1))),
      retired("drained"),
    );

    expect(state.machines.get(M1)?.retired).toEqual({ at: ago(seconds(2)), why: "operator" });
  });

  test("has each of its times from the first that told of it", () => {
    const at = ago(seconds(9));
    const story = (at: number, id: number, text: string): Fact[] => [
      { kind: "machine-started", at, machine: M1, tokenHash: text },
      { kind: "vm-up", at, machine: M1 },
      { kind: "guest-asked", at, machine: M1, runnerVersion: "2.337.0" },
      { kind: "machine-configured", at, machine: M1, runnerId: id },
      { kind: "guest-working", at, machine: M1 },
      { kind: "guest-ended", at, machine: M1, outcome: { exitCode: 0, ranJob: true, text } },
      { kind: "vm-destroyed", at, machine: M1 },
    ];

    const state = folded(created(), ...story(at, 7, "first"), ...story(NOW, 8, "second"));

    expect(state.machines.get(M1)).toMatchObject({
      startedAt: at,
      tokenHash: "first",
      upAt: at,
      askedAt: at,
      configuredAt: at,
      runnerId: 7,
      workingAt: at,
      endedAt: at,
      outcome: { text: "first" },
      destroyedAt: at,
    });
  });

  test("shows the newest stage and log of its guest", () => {
    const state = folded(
      created(),
      { kind: "guest-stage", at: ago(seconds(1)), machine: M1, stage: "claim", text: "asking" },
      { kind: "guest-stage", at: NOW, machine: M1, stage: "runner", text: "starting" },
      { kind: "guest-log", at: NOW, machine: M1, text: "old" },
      { kind: "guest-log", at: NOW, machine: M1, text: "new" },
    );

    expect(state.machines.get(M1)).toMatchObject({
      stage: { name: "runner", text: "starting", at: NOW },
      guestLog: "new",
    });
  });

  test("that is forgotten is gone, and late facts about it change nothing", () => {
    const state = folded(
      created(),
      { kind: "machine-forgotten", at: NOW, machine: M1 },
      { kind: "guest-asked", at: NOW, machine: M1, runnerVersion: "2.337.0" },
      { kind: "vm-destroyed", at: NOW, machine: M1 },
      failed(),
    );

    expect(state).toEqual(emptyState());
  });
});

describe("a machine that failed", () => {
  test("is one try of the job that it was made for, and of no other", () => {
    const state = folded(seen(), seen({ id: 2 }), created(M1, 1), failed());

    expect(state.jobs.get(1)).toMatchObject({ tries: 1, failure: aFailure() });
    expect(state.jobs.get(2)).toMatchObject({ tries: 0 });
    expect(state.jobs.get(2)?.failure).toBeUndefined();
  });

  test("is no try of a job that got another machine meanwhile", () => {
    const state = folded(seen(), created(M1, 1), seen({ status: "running", ranOn: M2 }), failed());

    expect(state.jobs.get(1)).toMatchObject({ tries: 0 });
    expect(state.jobs.get(1)?.failure).toBeUndefined();
  });

  test("is the failure of the job that ran in it, and no try", () => {
    const state = folded(
      seen({ status: "running", ranOn: M1 }),
      seen({ id: 2 }),
      created(M1, 2),
      failed(M1, "vm-died"),
    );

    expect(state.jobs.get(1)).toMatchObject({ tries: 0, failure: aFailure(M1, "vm-died") });
  });

  test("makes its pool's row of failures longer, until a guest calls", () => {
    const twice = folded(created(M1), created(M2), failed(M1), { ...failed(M2), at: NOW + 5 });
    expect(twice.streaks.get(POOL)).toEqual({ failures: 2, since: NOW, at: NOW + 5, hadBooted: false });

    apply(twice, { ...created("mayfly-lab-plain-dddddddd"), at: NOW + 6 });
    apply(twice, {
      kind: "guest-asked",
      at: NOW + 7,
      machine: "mayfly-lab-plain-dddddddd",
      runnerVersion: "2.337.0",
    });
    expect(twice.streaks.size).toBe(0);
  });

  test.each([
    ["its guest", { kind: "guest-working", at: NOW, machine: M1 } satisfies Fact],
    ["GitHub", seen({ id: 2, status: "running", ranOn: M1 })],
  ])(
    "is no try, nor a failure of its image, when another job had started in it by the word of %s",
    (_, started) => {
      const state = folded(seen(), created(M1, 1), started, failed(M1, "job-limit"));

      expect(state.jobs.get(1)).toMatchObject({ status: "queued", tries: 0 });
      expect(state.jobs.get(1)?.failure).toBeUndefined();
      expect(state.streaks.size).toBe(0);
    },
  );

  test("after its guest had called makes a row that only a guest at work ends", () => {
    const asked = (machine: string): Fact => ({
      kind: "guest-asked",
      at: NOW,
      machine,
      runnerVersion: "2.337.0",
    });
    const state = folded(created(M1), asked(M1), failed(M1, "guest-failed"), created(M2), asked(M2));
    expect(state.streaks.get(POOL)).toMatchObject({ failures: 1, hadBooted: true });

    apply(state, { kind: "guest-working", at: NOW, machine: M2 });

    expect(state.streaks.size).toBe(0);
  });

  test("makes a row that a job does not end which had begun before", () => {
    const running = seen({ status: "running", ranOn: M2 });
    const state = folded(created(M2), running, created(M1), failed(M1), seen({ status: "done", ranOn: M2 }));

    expect(state.streaks.get(POOL)?.failures).toBe(1);
  });

  test("makes a row that ends when GitHub tells that a job runs on one of its pool's machines", () => {
    const state = folded(created(M1), failed(M1), created(M2), seen({ status: "running", ranOn: M2 }));

    expect(state.streaks.size).toBe(0);
  });

  test("is told from one that was retired without any failure", () => {
    const state = folded(seen(), created(M1, 1), retired("surplus"));

    expect(state.jobs.get(1)?.tries).toBe(0);
    expect(state.streaks.size).toBe(0);
  });
});

test("a host is drained and opened again", () => {
  const drained: Fact = { kind: "host-drained", at: NOW, host: "lab1", drained: true };

  expect(folded(drained, drained).drained).toEqual(new Set(["lab1"]));
  expect(folded(drained, { ...drained, drained: false }).drained).toEqual(new Set());
});

test("orders are paused and resumed, for one repository or for all, in whatever case", () => {
  const paused = (repo: string, isPaused = true): Fact => ({
    kind: "orders-paused",
    at: NOW,
    repo,
    paused: isPaused,
    by: "mona",
  });

  expect(folded(paused(REPO), paused(REPO), paused("*")).paused).toEqual(new Set([REPO, "*"]));
  expect(folded(paused(REPO), paused("*"), paused(REPO.toUpperCase(), false)).paused).toEqual(new Set(["*"]));
});

test("a machine is held as long as was said last", () => {
  const held = (until: number): Fact => ({ kind: "machine-held", at: NOW, machine: M1, until, by: "mona" });

  expect(folded(created(M1), held(NOW + 9), held(NOW + 5)).machines.get(M1)?.heldUntil).toBe(NOW + 5);
  expect(folded(held(NOW + 9)).machines.size).toBe(0);
});

test("entries are replaced, never changed in place: who holds one may keep it", () => {
  const state = folded(seen(), created(M1, 1));
  const [job, machine] = [state.jobs.get(1), state.machines.get(M1)];
  Object.freeze(job);
  Object.freeze(machine);

  apply(state, seen({ status: "running", ranOn: M1 }));
  apply(state, { kind: "guest-working", at: NOW, machine: M1 });
  apply(state, failed());

  expect(job?.status).toBe("queued");
  expect(machine?.retired).toBeUndefined();
  expect(state.jobs.get(1)?.status).toBe("running");
  expect(state.machines.get(M1)?.retired?.why).toBe("boot-failed");
});

test("every fact may be written twice without harm", () => {
  const story: Fact[] = [
    seen(),
    created(M1, 1),
    { kind: "machine-started", at: NOW, machine: M1, tokenHash: "hash" },
    failed(),
    created(M2, 1),
    { kind: "guest-asked", at: NOW, machine: M2, runnerVersion: "2.337.0" },
    { kind: "guest-working", at: NOW, machine: M2 },
    seen({ status: "running", ranOn: M2 }),
    { kind: "host-drained", at: NOW, host: "lab1", drained: true },
    { kind: "orders-paused", at: NOW, repo: REPO, paused: true, by: "mona" },
    { kind: "machine-held", at: NOW, machine: M2, until: NOW + 9, by: "mona" },
    { kind: "check-published", at: NOW, job: 1, check: 9, digest: "running" },
    { kind: "machine-forgotten", at: NOW, machine: M1 },
  ];

  expect(folded(...story.flatMap((fact) => [fact, fact]))).toEqual(folded(...story));
});
