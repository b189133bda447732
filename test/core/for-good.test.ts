import { describe, expect, test } from "vitest";
import { plan } from "../../src/core/plan.ts";
import { ago, aJob, aWorld, configured, hours, seconds } from "../support/build.ts";
import { belief, retiredAs, turnOf } from "../support/turning.ts";

/** What GitHub refuses, or does not tell, for good must not be kept for good. */

describe("a machine whose VM is gone, and whose runner GitHub does not tell of", () => {
  const cell = belief("none", "unknown", "configured");
  const goneFor = (ms: number) => retiredAs("finished", configured({ destroyedAt: ago(ms) }));

  test("keeps its row for a day, after which GitHub itself has dropped the runner", () => {
    expect(turnOf(goneFor(hours(24) - seconds(1)), cell)).toBe("wake in 1 s");
    expect(turnOf(goneFor(hours(24)), cell)).toBe("machine-forgotten");
  });

  test("keeps it as long as the VM is not gone for certain", () => {
    const machine = retiredAs("finished", configured());

    expect(turnOf(machine, belief("unknown", "unknown", "configured"))).toBeUndefined();
  });

  test("keeps it as long as its runner is listed as busy, or its job is open", () => {
    expect(turnOf(goneFor(hours(48)), belief("none", "busy", "configured"))).toBeUndefined();
    expect(turnOf(goneFor(hours(48)), cell, { job: aJob({ status: "running" }) })).toBeUndefined();
  });
});

describe("a job that is done, and whose last words GitHub does not take", () => {
  const kinds = (doneFor: number, since = ago(hours(48))) => {
    const job = aJob({ status: "done", conclusion: "success", doneAt: ago(doneFor) });
    return plan(aWorld({ jobs: [job], since })).facts.map(({ kind }) => kind);
  };

  test("is closed after a day without them", () => {
    expect(kinds(hours(24) - seconds(1))).toEqual([]);
    expect(kinds(hours(24))).toEqual(["job-closed"]);
  });

  test("is not closed unheard after a controller that was down for long", () => {
    expect(kinds(hours(72), ago(seconds(5)))).toEqual([]);
  });
});
