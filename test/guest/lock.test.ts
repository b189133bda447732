import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

type Lock = { version: string; archives: Record<string, { file: string; sha256: string }> };
const lock: Lock = JSON.parse(readFileSync(new URL("../../guest/runner.lock.json", import.meta.url), "utf8"));

test.each(Object.entries(lock.archives))(
  "the runner for %s is pinned by its file's name and SHA-256",
  (system, archive) => {
    const ending = system.startsWith("win") ? "zip" : "tar.gz";

    expect(archive.file).toBe(`actions-runner-${system}-${lock.version}.${ending}`);
    expect(archive.sha256).toMatch(/^[0-9a-f]{64}$/);
  },
);

test("no two runners have the same SHA-256", () => {
  const digests = Object.values(lock.archives).map(({ sha256 }) => sha256);

  expect(new Set(digests).size).toBe(digests.length);
});

test("the pinned runner is one that GitHub still registers", () => {
  // See: github.com/orgs/community/discussions/194762: 2.329.0 is the floor since 25 September 2026.
  expect(lock.version.localeCompare("2.329.0", "en", { numeric: true })).toBeGreaterThanOrEqual(0);
});
