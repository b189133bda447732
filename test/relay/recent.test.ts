import { expect, test } from "vitest";
import { recentMessages } from "../../src/relay/recent.ts";

const text = (frames: readonly Buffer[]) =>
  frames.map((frame) =>
    String(frame)
      .replace(/^id: .*\n/, "")
      .trim(),
  );

const idOf = (frame: Buffer): string => /^id: (.*)$/m.exec(String(frame))?.[1] ?? "";

test("a listener that comes back gets what came after its last message", () => {
  const recent = recentMessages({ messages: 10, bytes: 10_000 });

  const frames = ["one", "two", "three"].map(recent.add);

  expect(text(recent.after(idOf(frames[0] as Buffer)))).toEqual(["data: two", "data: three"]);
  expect(recent.after(idOf(frames[2] as Buffer))).toEqual([]);
});

test("a listener with an id of an earlier run, or of no run, gets everything", () => {
  const earlier = recentMessages({ messages: 10, bytes: 10_000 });
  const recent = recentMessages({ messages: 10, bytes: 10_000 });
  const ofEarlierRun = ["a", "b", "c"].map(earlier.add).map(idOf).at(-1) ?? "";

  for (const data of ["one", "two"]) recent.add(data);

  for (const id of [ofEarlierRun, "none", ""]) {
    expect(text(recent.after(id)), id).toEqual(["data: one", "data: two"]);
  }
});

test("the oldest go when there are too many", () => {
  const recent = recentMessages({ messages: 2, bytes: 10_000 });

  for (const data of ["one", "two", "three"]) recent.add(data);

  expect(text(recent.after("none"))).toEqual(["data: two", "data: three"]);
});

test("the oldest go when they are too large together, and the newest stays if it alone is not", () => {
  const recent = recentMessages({ messages: 10, bytes: 1_000 });

  for (const size of [400, 400, 900]) recent.add("x".repeat(size));

  expect(recent.after("none").map(({ length }) => length)).toEqual([expect.any(Number)]);
  expect(recent.after("none")[0]?.length).toBeGreaterThan(900);
});
