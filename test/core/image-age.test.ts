import { describe, expect, test } from "vitest";
import type { CloudImageSeen } from "../../src/core/clouds.ts";
import { ageOf, ageWords, boxRunnerWords, boxWords } from "../../src/core/image-age.ts";
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
    expect(ageOf({ builtAt: ago(days(3)), runnerReleasedAt: ago(days(12)) }, NOW)).toEqual({
      ...{ days: 3, runnerDays: 12, runnerDaysLeft: 18 },
    });
    expect(ageOf({ builtAt: ago(days(31)) }, NOW).runnerDaysLeft).toBe(-1);
    expect(ageOf({ expiresAt: NOW + days(5) }, NOW).daysLeft).toBe(5);
    expect(ageOf({}, NOW)).toEqual({});
  });

  test("is warned of from day 20 on, and not before", () => {
    expect(words({ builtAt: ago(days(20) - 1) })).toEqual([]);
    expect(words({ builtAt: ago(days(20)) })).toEqual([
      "The current cloud image of plain on stfc is 20 days old; GitHub may refuse its runner in 10 days. Build it anew (openstack/README.md).",
    ]);
    expect(words({ builtAt: ago(days(29)) })[0]).toContain("GitHub may refuse its runner in 1 day");
    expect(words({ builtAt: ago(days(30)) })[0]).toContain("GitHub may refuse its runner by now");
  });

  test("is that of its runner, where the image tells when that was released, however new the image is", () => {
    const released = (count: number) => words({ builtAt: NOW, runnerReleasedAt: ago(days(count)) });

    expect(released(19)).toEqual([]);
    expect(released(25)).toEqual([
      "The current cloud image of plain on stfc has a runner that GitHub released 25 days ago; GitHub may refuse it in 5 days, if there is a newer one. Run script/update-runner, which takes the newest runner for images, then build the image anew (openstack/README.md).",
    ]);
    expect(released(40)[0]).toContain("40 days ago; GitHub may refuse it by now, if there is a newer one");
    expect(words({ builtAt: ago(days(25)), runnerReleasedAt: ago(days(3)) })).toEqual([]);
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

test("of a box's runner is warned of as of a cloud image's", () => {
  const words = (box: Parameters<typeof boxRunnerWords>[1]) => boxRunnerWords("The box of plain", box, NOW);

  expect(words({ builtAt: ago(days(20) - 1) })).toEqual([]);
  expect(words({ builtAt: ago(days(20)) })).toEqual([
    "The box of plain is 20 days old; GitHub may refuse its runner in 10 days. Build it anew (docs/images.md).",
  ]);
  expect(words({ builtAt: NOW, runnerReleasedAt: ago(days(21)) })[0]).toContain(
    "Run script/update-runner, which takes the newest runner for images, then build the box anew (docs/images.md).",
  );
});

test("of when a box ends is warned of for two weeks", () => {
  expect(boxWords("The box of windows", undefined, NOW)).toBeUndefined();
  expect(boxWords("The box of windows", NOW + days(14), NOW)).toBeUndefined();
  expect(boxWords("The box of windows", NOW + days(1), NOW)).toBe(
    "The box of windows ends in 1 day. Build it anew (docs/images.md).",
  );
  expect(boxWords("The box of windows", ago(1), NOW)).toContain("has ended, so no machine is made from it");
});
