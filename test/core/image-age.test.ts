import { describe, expect, test } from "vitest";
import type { CloudImageSeen } from "../../src/core/clouds.ts";
import { ageOf, ageWords, boxWords } from "../../src/core/image-age.ts";
import { ago, hours, NOW } from "../support/build.ts";

const days = (count: number): number => hours(24 * count);
const image = (changes: Partial<CloudImageSeen>): CloudImageSeen => ({
  ...{ family: "plain", id: "1", name: "plain-1", standing: "current" },
  ...changes,
});
const words = (changes: Partial<CloudImageSeen>) => ageWords(image(changes), "stfc", NOW);

describe("the age of a cloud image", () => {
  test("is counted in whole days, and GitHub may refuse its runner after thirty", () => {
    expect(ageOf({ builtAt: ago(days(3) + hours(23)) }, NOW)).toEqual({ days: 3, runnerDaysLeft: 27 });
    expect(ageOf({ builtAt: ago(days(31)) }, NOW).runnerDaysLeft).toBe(-1);
    expect(ageOf({ expiresAt: NOW + days(5) }, NOW).daysLeft).toBe(5);
    expect(ageOf({}, NOW)).toEqual({});
  });

  test("is warned of from day 20 on, and not before", () => {
    expect(words({ builtAt: ago(days(20) - 1) })).toEqual([]);
    expect(words({ builtAt: ago(days(20)) })).toEqual([
      "The current cloud image of plain on stfc is 20 days old; in 10 days GitHub may refuse its runner. Build it anew (openstack/README.md).",
    ]);
    expect(words({ builtAt: ago(days(29)) })[0]).toContain("in 1 day GitHub may refuse its runner");
    expect(words({ builtAt: ago(days(30)) })[0]).toContain("GitHub may refuse its runner by now");
  });

  test("does not matter of those that are used no more", () => {
    expect(words({ standing: "old", builtAt: ago(days(300)), expiresAt: ago(1) })).toEqual([]);
  });

  test("is warned of for two weeks before the image ends by itself", () => {
    expect(words({ expiresAt: NOW + days(14) })).toEqual([]);
    expect(words({ expiresAt: NOW + days(14) - 1 })).toEqual([
      "The current cloud image of plain on stfc ends in 13 days. Build it anew (openstack/README.md).",
    ]);
    expect(words({ expiresAt: ago(1) })).toEqual([
      "The current cloud image of plain on stfc has ended, so no machine is made from it. Build it anew (openstack/README.md).",
    ]);
  });
});

test("of a box is known when it ends, and nothing else", () => {
  expect(boxWords("The box of windows", undefined, NOW)).toBeUndefined();
  expect(boxWords("The box of windows", NOW + days(14), NOW)).toBeUndefined();
  expect(boxWords("The box of windows", NOW + days(1), NOW)).toBe(
    "The box of windows ends in 1 day. Build it anew (docs/images.md).",
  );
  expect(boxWords("The box of windows", ago(1), NOW)).toContain("has ended, so no machine is made from it");
});
