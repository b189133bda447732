import { describe, expect, test } from "vitest";
import { type Source, source } from "../src/source.ts";
import { minutes, seconds } from "./support/build.ts";
import { type FakeClock, fakeClock, settled } from "./support/clock.ts";
import { keptLog } from "./support/log.ts";

type Listing = { clock: FakeClock; from: Source<{ name: string }>; says: (...names: string[]) => void };

/** A source whose list is what the test says; one that nothing was said of fails. */
function listing(): Listing {
  const clock = fakeClock();
  let things: { name: string }[] | undefined;
  const list = async () => {
    if (things === undefined) throw new Error("nobody is there");
    return things;
  };
  const from = source({
    name: "octo/spinw",
    list,
    limitMs: seconds(60),
    clock,
    ring: () => {},
    log: keptLog().log,
  });
  return {
    clock,
    from,
    says: (...names) => {
      things = names.map((name) => ({ name }));
    },
  };
}

async function ask({ clock, from }: Listing, everyMs: number): Promise<number> {
  from.ask();
  await settled();
  return from.nextAt(everyMs) - clock.now();
}

describe("a source that cannot be asked", () => {
  test("is left alone longer each time, up to a minute", async () => {
    const asked = listing();

    const waits = [];
    for (let time = 0; time < 5; time += 1) waits.push(await ask(asked, seconds(2)));

    expect(waits).toEqual([10, 20, 40, 60, 60].map(seconds));
  });

  test("is left alone up to its ordinary pace, if that is slower", async () => {
    const asked = listing();

    for (let time = 0; time < 9; time += 1) await ask(asked, minutes(10));

    expect(await ask(asked, minutes(10))).toBe(minutes(10));
  });

  test("is asked at its ordinary pace as soon as it answers again", async () => {
    const asked = listing();
    await ask(asked, seconds(2));
    await ask(asked, seconds(2));
    asked.says();

    expect(await ask(asked, seconds(2))).toBe(seconds(2));
  });
});

describe("a thing that is listed no more", () => {
  test("is forgotten after an hour: others give each of their runners a new name", async () => {
    const asked = listing();
    const firstAskedAt = asked.clock.now();
    asked.says("theirs-1");
    await ask(asked, seconds(2));
    asked.says("theirs-2");
    await asked.clock.advance(seconds(2));
    await ask(asked, seconds(2));
    expect(asked.from.wasSeen("theirs-1")).toBe(true);

    await asked.clock.advance(minutes(61));
    await ask(asked, seconds(2));

    expect(asked.from.wasSeen("theirs-1")).toBe(false);
    expect(asked.from.missingSince("theirs-1")).toBe(firstAskedAt);
  });
});
