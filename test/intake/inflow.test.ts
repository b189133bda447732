import { expect, test } from "vitest";
import { inflow } from "../../src/intake/inflow.ts";
import { settled } from "../support/clock.ts";

/** Work that ends when it is told to. */
function start(atOnce: number) {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const flow = inflow<number>(atOnce, (item) => {
    begun.push(item);
    return new Promise<void>((resolve) => ends.push(resolve));
  });
  for (let item = 1; item <= 5; item += 1) flow.add(item);
  const endOne = async () => {
    ends.shift()?.();
    await settled();
  };
  return { flow, begun, endOne };
}

test("no more is worked on at once than is allowed, in the order it came", async () => {
  const { begun, endOne } = start(2);

  const atFirst = [...begun];
  await endOne();
  const afterOne = [...begun];

  expect(atFirst).toEqual([1, 2]);
  expect(afterOne).toEqual([1, 2, 3]);
});

test("there is room when nothing waits and one more could be worked on", async () => {
  const { flow, endOne } = start(2);
  let hasRoom = false;
  void flow.untilRoom().then(() => {
    hasRoom = true;
  });

  const seen: boolean[] = [];
  for (let ended = 1; ended <= 4; ended += 1) {
    await endOne();
    seen.push(hasRoom);
  }

  expect(seen).toEqual([false, false, false, true]);
});

test("it is done when also what waited is done", async () => {
  const { flow, begun, endOne } = start(4);
  let isDone = false;
  void flow.untilDone().then(() => {
    isDone = true;
  });

  for (let ended = 1; ended <= 4; ended += 1) await endOne();
  const wasDone = isDone;
  await endOne();

  expect(wasDone).toBe(false);
  expect(isDone).toBe(true);
  expect(begun).toHaveLength(5);
});
