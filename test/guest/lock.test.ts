import { expect, test } from "vitest";
import lock from "../../guest/runner.lock.json" with { type: "json" };
import { faultsOfRunner, type RunnerLock, SYSTEMS } from "../../script/update/locks.ts";

const pinned: RunnerLock = lock;

test("the runner is pinned for every system, by its file's name and SHA-256", () => {
  expect(Object.keys(pinned.archives).sort()).toEqual([...SYSTEMS].sort());
  expect(faultsOfRunner(pinned)).toEqual([]);
});

test.each(SYSTEMS)(
  "a lock whose entry for %s is missing, or has no digest, or another file, is not right",
  (system) => {
    const { [system]: entry, ...others } = pinned.archives;
    const withEntry = (change: object) => ({
      ...pinned,
      archives: { ...others, [system]: { file: "", sha256: "", ...entry, ...change } },
    });

    expect(faultsOfRunner({ ...pinned, archives: others })).toEqual([`${system} is missing`]);
    expect(faultsOfRunner(withEntry({ sha256: "" }))).toEqual([`${system} has no SHA-256`]);
    expect(faultsOfRunner(withEntry({ file: "runner.zip" }))).toEqual([
      `${system} names the file runner.zip`,
    ]);
  },
);

test("a lock that does not say when its runner was released is not right", () => {
  expect(faultsOfRunner({ ...pinned, released: "soon" })).toEqual(["the day of its release is missing"]);
});

test("no two runners have the same SHA-256", () => {
  const digests = Object.values(pinned.archives).map(({ sha256 }) => sha256);

  expect(new Set(digests).size).toBe(digests.length);
});

test("the pinned runner is one that GitHub still registers", () => {
  // See: github.com/orgs/community/discussions/194762: 2.329.0 is the floor since 25 September 2026.
  expect(pinned.version.localeCompare("2.329.0", "en", { numeric: true })).toBeGreaterThanOrEqual(0);
});
