import { describe, expect, test } from "vitest";
import { newLine } from "../../src/github/line.ts";
import type { Urgency } from "../../src/github/routes.ts";
import { fakeClock, settled } from "../support/clock.ts";

const GAP_MS = 75;

/** Calls take as long as the test wants; those of `join` none at all. */
function start() {
  const clock = fakeClock();
  const line = newLine(clock, GAP_MS);
  const startedAt = clock.now();
  const through: string[] = [];
  const enter = async (urgency: Urgency, isWrite: boolean, name: string = urgency) => {
    const leave = await line({ urgency, isWrite });
    through.push(`${name} ${clock.now() - startedAt}`);
    return leave;
  };
  const join = (urgency: Urgency, name?: string) => void enter(urgency, true, name).then((leave) => leave());
  return { clock, enter, join, through };
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

  test("lets each pass those that are less urgent and came before it", async () => {
    const { clock, join, through } = start();

    for (const urgency of ["announce", "announce", "report", "conclude", "remove", "register"] as const)
      join(urgency);
    await settled();
    await clock.advance(10 * GAP_MS);

    expect(through).toEqual([
      "announce 0",
      "register 75",
      "remove 150",
      "conclude 225",
      "report 300",
      "announce 375",
    ]);
  });

  test("makes a registration wait for one call at most, however many check runs are before it", async () => {
    const { clock, join, through } = start();
    for (let written = 0; written < 500; written += 1) join("conclude");
    await settled();
    await clock.advance(100 * GAP_MS + 1);

    join("register");
    await clock.advance(GAP_MS);

    expect(through.at(-1)).toMatch(/^register/);
    expect(through.length).toBe(102);
  });
});

describe("calls that are under way", () => {
  const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

  test("are 50 at most, half of what GitHub takes", async () => {
    const { enter, through } = start();

    void many(120, () => enter("register", false));
    await settled();

    expect(through).toHaveLength(50);
  });

  test("leave places for what is more urgent", async () => {
    const { enter, through } = start();
    void many(100, () => enter("conclude", false));
    void many(100, () => enter("read", false));
    await settled();

    void enter("remove", true);
    void enter("register", false);
    await settled();

    expect(through.slice(-2)).toEqual(["remove 0", "register 0"]);
    expect(through).toHaveLength(42);
  });

  test("let the next one through when one of them ends", async () => {
    const { enter, through } = start();
    const [first] = many(30, () => enter("announce", false));
    void enter("announce", false, "last");
    await settled();

    (await first)?.();
    await settled();

    expect(through.at(-1)).toBe("last 0");
  });

  test("do not hold up a read while a write keeps its distance", async () => {
    const { enter, through } = start();

    void enter("report", true);
    void enter("report", true);
    void enter("read", false);
    await settled();

    expect(through).toEqual(["report 0", "read 0"]);
  });
});
