import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import { emptyState, type Fact, type State } from "../../src/core/facts.ts";
import { HOLD_MS, holdOn, waitingHold } from "../../src/core/holds.ts";
import type { Why } from "../../src/core/types.ts";
import {
  aJob,
  aMachine,
  aWorld,
  booting,
  hours,
  M1,
  M2,
  minutes,
  NOW,
  REPO,
  toldOf,
} from "../support/build.ts";
import { created, heldNext } from "../support/facts.ts";

const POOL = { repo: REPO, image: "plain" };

const retired = (machine: string, why: Why = "boot-timeout", at = NOW): Fact => ({
  kind: "machine-retired",
  at,
  machine,
  why,
  failure: { machine, image: "plain", at, why, text: "" },
});

function folded(...facts: Fact[]): State {
  const state = emptyState();
  for (const fact of facts) apply(state, fact);
  return state;
}

describe("a hold that was asked for", () => {
  test("waits for a machine of its pool to fail, for a day", () => {
    const state = folded(heldNext());

    expect(waitingHold(state, { repo: "Octo/SpinW", image: "plain" }, NOW)).toEqual({ at: NOW, by: "mona" });
    expect(waitingHold(state, { repo: REPO, image: "other" }, NOW)).toBeUndefined();
    expect(waitingHold(state, POOL, NOW + hours(24) - 1)).toBeDefined();
    expect(waitingHold(state, POOL, NOW + hours(24))).toBeUndefined();
  });

  test("is used up by the first machine that fails", () => {
    const state = folded(heldNext(), created(M1), created(M2), retired(M1));
    const second = { machine: aMachine({ name: M2 }), why: "boot-timeout" as const, at: NOW };

    expect(holdOn(state, second)).toBeUndefined();
    expect(waitingHold(state, POOL, NOW)).toBeUndefined();
  });

  test.each<[string, Fact]>([
    ["goes well", { kind: "machine-retired", at: NOW, machine: M1, why: "finished" }],
    ["never was there", retired(M1, "lost")],
  ])("is not used up by a machine that %s", (_, fact) => {
    expect(waitingHold(folded(heldNext(), created(M1), fact), POOL, NOW)).toBeDefined();
  });

  test("is not asked for again by the same fact, told twice", () => {
    expect(waitingHold(folded(heldNext(), created(M1), retired(M1), heldNext()), POOL, NOW)).toBeUndefined();
  });

  test("takes nothing from what an operator asked for of that very machine", () => {
    const by = "octocat";
    const long: Fact = { kind: "machine-held", at: NOW, machine: M1, until: NOW + hours(8), by };
    const next: Fact = { ...long, until: NOW + HOLD_MS, by: "mona", isNext: true };

    const { machines } = folded(heldNext(), created(M1), long, retired(M1), next);

    expect(machines.get(M1)?.heldUntil).toBe(NOW + hours(8));
  });

  test("may be asked for again later", () => {
    const again = heldNext(NOW + minutes(1));

    expect(waitingHold(folded(heldNext(), created(M1), retired(M1), again), POOL, NOW)).toBeDefined();
  });
});

describe("a check run", () => {
  const failure = { machine: M1, image: "plain", at: NOW, why: "boot-timeout" as const, text: "" };
  const job = aJob({ failure, tries: 1, gaveUpAt: NOW });

  test("of a job whose machine failed offers to hold the next, beside Retry, in GitHub's measures", () => {
    const { actions } = toldOf(job, { is: "given-up" });

    expect(actions.map(({ identifier }) => identifier)).toEqual(["retry", "hold-next"]);
    for (const { label, description, identifier } of actions) {
      expect([label.length <= 20, description.length <= 40, identifier.length <= 20]).toEqual([
        true,
        true,
        true,
      ]);
    }
  });

  test("of a job that waited in vain for room does not", () => {
    const waited = aJob({ gaveUpAt: NOW });

    expect(toldOf(waited, { is: "given-up" }).actions.map(({ label }) => label)).toEqual(["Retry"]);
  });

  test("says that a hold was asked for, and by whom", () => {
    const { summary } = toldOf(job, { is: "given-up" }, { state: folded(heldNext()) });

    expect(summary).toContain(
      "`mona` asked for the next machine of this image that fails to be kept for half an hour.",
    );
  });

  test("says until when the VM of a machine that failed is kept", () => {
    const held = booting({ heldUntil: NOW + HOLD_MS });

    expect(toldOf(job, { is: "given-up" }, { state: aWorld({ machines: [held] }).state }).summary).toContain(
      `The VM of \`${M1}\` is kept until 12:30:00 (UTC), so that an operator can look into it.`,
    );
    const gone = { ...held, destroyedAt: NOW };
    expect(
      toldOf(job, { is: "given-up" }, { state: aWorld({ machines: [gone] }).state }).summary,
    ).not.toContain("is kept until");
  });
});
