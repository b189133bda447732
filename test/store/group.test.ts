import { expect, test } from "vitest";
import { grouped } from "../../src/store/group.ts";

test("calls of one turn of the event loop are one commit", async () => {
  const groups: number[][] = [];
  const writes = grouped<number, number>(async (items) => {
    groups.push([...items]);
    return items.map((item) => item * 10);
  });

  const results = await Promise.all([1, 2, 3].map((item) => writes.add(item)));

  expect(groups).toEqual([[1, 2, 3]]);
  expect(results).toEqual([10, 20, 30]);
});

test("calls that come while a commit runs are the next one", async () => {
  const groups: number[][] = [];
  const late: Promise<number>[] = [];
  const writes = grouped<number, number>(async (items) => {
    groups.push([...items]);
    if (items.includes(1)) late.push(writes.add(2), writes.add(3));
    return [...items];
  });

  await writes.add(1);
  await Promise.all(late);

  expect(groups).toEqual([[1], [2, 3]]);
});

test("a bad item fails alone, and the rest keep their order", async () => {
  const committed: number[] = [];
  const writes = grouped<number, number>(async (items) => {
    if (items.includes(2)) throw new Error("two is refused");
    committed.push(...items);
    return [...items];
  });

  const results = await Promise.allSettled([1, 2, 3].map((item) => writes.add(item)));

  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(committed).toEqual([1, 3]);
});

test("a group has a largest size, so that one commit does not hold up everything else", async () => {
  const sizes: number[] = [];
  const writes = grouped<number, number>(async (items) => {
    sizes.push(items.length);
    return [...items];
  });

  await Promise.all(Array.from({ length: 2500 }, (_, item) => writes.add(item)));

  expect(sizes).toEqual([1000, 1000, 500]);
});

test("nothing is waiting after everything was committed", async () => {
  const writes = grouped<number, number>(async (items) => [...items]);
  let isDone = false;
  void writes.add(1).then(() => {
    isDone = true;
  });

  await writes.idle();

  expect(isDone).toBe(true);
});
