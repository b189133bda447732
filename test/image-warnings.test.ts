import { expect, test } from "vitest";
import { ageWarnings } from "../src/image-warnings.ts";
import { hours } from "./support/build.ts";
import { fakeClock } from "./support/clock.ts";
import { keptLog } from "./support/log.ts";

test("an image that is old is warned of in the log, once a day", async () => {
  const clock = fakeClock();
  const { log, text } = keptLog();
  const heard = ageWarnings({ clock, log });
  const image = { family: "plain", id: "1", name: "plain-1", standing: "current" as const };
  const old = { ...image, builtAt: clock.now() - hours(24 * 25) };
  const lines = () => text().split("is 25 days old").length - 1 + (text().split("is 26 days old").length - 1);

  heard("stfc", [{ ...image, builtAt: clock.now() }]);
  expect(lines()).toBe(0);
  heard("stfc", [old]);
  heard("stfc", [old]);
  expect(lines()).toBe(1);
  await clock.advance(hours(24));
  heard("stfc", [old]);

  expect(lines()).toBe(2);
});
