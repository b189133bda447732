import { describe, expect, test } from "vitest";
import { newLine } from "../../src/github/line.ts";
import type { Urgency } from "../../src/github/routes.ts";
import { fakeClock, settled } from "../support/clock.ts";

const GAP_MS = 75;

function start() {
  const clock = fakeClock();
  const line = newLine(clock, GAP_MS);
  const startedAt = clock.now();
  const through: string[] = [];
  const join = (urgency: Urgency, name: string = urgency) =>
    void line(urgency).then(() => through.push(`${name} ${clock.now() - startedAt}`));
  return { clock, join, through };
}

describe("the line of writes", () => {
  test("lets the first one through at once", async () => {
    const { join, through } = start();

    join("report");
    await settled();

    expect(through).toEqual(["report 0"]);
  });

  test("keeps the gap between any two", async () => {
    const { clock, join, through } = start();

    for (const name of ["a", "b", "c"]) join("report", name);
    await settled();
    await clock.advance(10 * GAP_MS);
    join("report", "d");
    await settled();

    expect(through).toEqual(["a 0", "b 75", "c 150", "d 750"]);
  });

  test("lets a registration pass check runs that came before it", async () => {
    const { clock, join, through } = start();

    for (const urgency of ["report", "report", "remove", "register"] as const) join(urgency);
    await settled();
    await clock.advance(10 * GAP_MS);

    expect(through).toEqual(["report 0", "register 75", "remove 150", "report 225"]);
  });
});
