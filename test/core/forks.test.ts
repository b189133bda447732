import { describe, expect, test } from "vitest";
import { type Admission, gatekeeper, isFork } from "../../src/core/forks.ts";
import { matcher } from "../../src/core/pools.ts";
import type { ForkRule, Job, RunAttempt, RunSeen } from "../../src/core/types.ts";
import { aJob, anImage, aRepository, aRun, aWorld, NOW, REPO } from "../support/build.ts";

type Setup = { forks?: ForkRule | undefined; job?: Partial<Job>; runs?: RunAttempt[] };

function admission({ forks, job, runs = [] }: Setup): Admission {
  const world = aWorld({
    runs,
    catalogue: {
      repositories: [aRepository({ forks, images: ["plain"] })],
      images: [anImage({ labels: ["self-hosted", "linux", "our-plain"] })],
    },
  });
  const match = matcher(world.catalogue);
  return gatekeeper({ ...world, match })(aJob(job));
}

const approvedAt = (sha: string) => ({ at: NOW, by: "mona", sha });
const SHA = aJob().headSha;

describe("whether a run is a fork's", () => {
  test.for([
    ["pull_request", "stranger/spinw", true],
    ["pull_request", "octo/spinw", false],
    ["pull_request", "Octo/SpinW", false],
    ["pull_request", undefined, true],
    ["pull_request_review", "stranger/spinw", true],
    ["an_event_of_next_year", "stranger/spinw", true],
    ["push", "octo/spinw", false],
    ["schedule", "octo/spinw", false],
    ["pull_request_target", "stranger/spinw", false],
    ["pull_request_target", undefined, false],
    ["workflow_run", "stranger/spinw", false],
  ] as const)("is told by its event %s and its head %s: %s", ([event, head, expected]) => {
    expect(isFork({ event, head, repo: REPO })).toBe(expected);
  });
});

describe("the rule for forks", () => {
  type Row = [ForkRule | undefined, boolean | undefined, Partial<RunSeen> | undefined, Admission];
  const own = { head: REPO };
  const target = { event: "pull_request_target" };
  const rows: Row[] = [
    // set by the operator: whether everybody may see the repository does not count
    ["refuse", true, undefined, "unknown"],
    ["refuse", false, undefined, "unknown"],
    ["refuse", true, {}, "refused"],
    ["refuse", false, { isPublic: false }, "refused"],
    ["refuse", true, own, "open"],
    ["refuse", true, target, "open"],
    ["approve", true, undefined, "unknown"],
    ["approve", true, {}, "unapproved"],
    ["approve", false, { isPublic: false }, "unapproved"],
    ["approve", true, own, "open"],
    ["approve", true, target, "open"],
    ["allow", true, undefined, "open"],
    ["allow", undefined, undefined, "open"],
    ["allow", true, {}, "open"],
    // left out
    [undefined, true, undefined, "unknown"],
    [undefined, true, {}, "refused"],
    [undefined, true, own, "open"],
    [undefined, true, target, "open"],
    [undefined, false, undefined, "open"],
    [undefined, false, { isPublic: false }, "open"],
    // by webhook private, and public when the run was looked up; or the other way round
    [undefined, false, { isPublic: true }, "refused"],
    [undefined, true, { isPublic: false }, "refused"],
    // what the sweep has found may not say
    [undefined, undefined, undefined, "unknown"],
    [undefined, undefined, { isPublic: true }, "refused"],
    [undefined, undefined, { isPublic: false }, "open"],
  ];
  test.for(rows)(
    "%s, on a repository whose being public is %s, with the run %j: %s",
    ([forks, isPublic, run, expected]) => {
      expect(admission({ forks, job: { isPublic }, runs: run ? [aRun(run)] : [] })).toBe(expected);
    },
  );
});

describe("an approval", () => {
  const of = (setup: Omit<Setup, "forks">) => admission({ forks: "approve", ...setup });

  test("lets the jobs of its attempt in", () => {
    expect(of({ runs: [aRun({}, approvedAt(SHA))] })).toBe("open");
  });

  test("is none for the next attempt", () => {
    const runs = [aRun({}, approvedAt(SHA)), aRun({ attempt: 2 })];

    expect(of({ job: { attempt: 2 }, runs })).toBe("unapproved");
  });

  test("is none for another commit", () => {
    expect(of({ runs: [aRun({}, approvedAt("b".repeat(40)))] })).toBe("unapproved");
  });

  test("is none before it is known where the run comes from", () => {
    expect(of({ runs: [{ id: 100, attempt: 1, at: NOW, approved: approvedAt(SHA) }] })).toBe("unknown");
  });

  test("is none where forks are refused by now", () => {
    expect(admission({ forks: "refuse", runs: [aRun({}, approvedAt(SHA))] })).toBe("refused");
  });
});

describe("a job that no machine would be made for", () => {
  const of = (labels: string[], forks: ForkRule = "approve") =>
    admission({ forks, job: { labels }, runs: [aRun()] });

  test("is kept out all the same if a runner of ours has all its labels: GitHub would give it one", () => {
    expect(of(["self-hosted"])).toBe("refused");
    expect(of(["Self-Hosted", "LINUX"])).toBe("refused");
    expect(admission({ forks: "approve", job: { labels: ["self-hosted"] } })).toBe("unknown");
  });

  test.for([[["self-hosted", "windows"]], [["ubuntu-latest"]], [["our-plain", "gpu"]]] as const)(
    "is nobody's business if none has: %j",
    ([labels]) => {
      expect(of([...labels])).toBe("open");
      expect(admission({ forks: "refuse", job: { labels: [...labels] } })).toBe("open");
    },
  );

  test("is nobody's business in a repository that is not served", () => {
    expect(admission({ forks: "refuse", job: { repo: "octo/other" } })).toBe("open");
  });
});
