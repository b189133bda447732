import { expect, test } from "vitest";
import { slots } from "../../src/drivers/slots.ts";
import { settled } from "../support/clock.ts";

const never = new AbortController().signal;

test("places are given first come, first served, and no more of them than there are", async () => {
  const places = slots(2);
  const got: number[] = [];
  const leaves = new Map<number, () => void>();
  for (const who of [1, 2, 3, 4]) {
    void places.take(never).then((leave) => {
      got.push(who);
      leaves.set(who, leave);
    });
  }
  await settled();
  const atFirst = [...got];

  leaves.get(2)?.();
  await settled();

  expect(atFirst).toEqual([1, 2]);
  expect(got).toEqual([1, 2, 3]);
});

test("who gives up waiting takes no place, and is no place less for others", async () => {
  const places = slots(1);
  const leave = await places.take(never);
  const stop = new AbortController();
  const gaveUp = places.take(stop.signal);
  const next = places.take(never);

  stop.abort(new Error("not wanted any more"));
  leave();

  await expect(gaveUp).rejects.toThrow("not wanted any more");
  await expect(next).resolves.toBeTypeOf("function");
});

test("leaving twice frees one place", async () => {
  const places = slots(1);
  const leave = await places.take(never);
  leave();
  leave();
  await places.take(never);
  let isGiven = false;

  void places.take(never).then(() => {
    isGiven = true;
  });
  await settled();

  expect(isGiven).toBe(false);
});

test("a signal that is aborted already takes no place", async () => {
  const places = slots(1);

  await expect(places.take(AbortSignal.abort(new Error("over")))).rejects.toThrow("over");

  await expect(places.take(never)).resolves.toBeTypeOf("function");
});
