import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { strays } from "./vagrant-bench.ts";
import { expectSeen, fresh, SOON_MS, startOf } from "./vagrant-hand.ts";

test("no file of the host keeps the seed once the VM is up, and none is open to others", async () => {
  const { bench, options } = await fresh();
  const name = await startOf(bench, "stub");
  await expectSeen(bench, name, { state: "up" });

  await expect
    .poll(() => filesWith(options.root, `token-of-${name}`))
    .toEqual([join(bench.state, "volumes", `${name}-vdz.raw`)]);
  expect((await stat(join(bench.folder, "machines", name))).mode & 0o077).toBe(0);
});

test("the seed's volume has the form that the guest looks for", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  await expectSeen(bench, name, { state: "up" });

  const disk = await readFile(join(bench.state, "volumes", `${name}-vdz.raw`));

  const [mark, seed, rest] = disk.toString().split("\n");
  expect(disk).toHaveLength(64 * 1024);
  expect(mark).toBe("MAYFLYSEED1");
  expect(JSON.parse(seed ?? "")).toEqual(bench.orderOf(name, "stub").seed);
  expect(rest).toMatch(/^\0+$/);
});

test("Vagrant is given nothing of the controller's environment but what it needs", async () => {
  process.env.WEBHOOK_SECRET = "do-not-tell";
  onTestFinished(() => void delete process.env.WEBHOOK_SECRET);
  const { bench, options } = await fresh();
  await startOf(bench, "stub-slow");
  await expect.poll(() => strays(options.root), { timeout: SOON_MS }).not.toEqual([]);

  const environments = await Promise.all(
    (await strays(options.root)).map((pid) => readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")),
  );

  expect(environments.join()).toContain("VAGRANT_HOME");
  expect(environments.join()).not.toContain("do-not-tell");
});

/** Paths of the files below the folder that hold the text. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  return await new Promise((resolve) => {
    execFile("grep", ["-rlaF", text, folder], (_error, stdout) =>
      resolve(stdout.split("\n").filter(Boolean)),
    );
  });
}
