import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { conformsWithoutJobs } from "./conformance-idle.ts";
import { type Life, newLife } from "./life.ts";
import { LINUX } from "./systems.ts";

conformsWithoutJobs(LINUX);

describe("the seed's own disk", () => {
  let life: Life;

  beforeEach(async () => {
    life = await newLife();
  });
  afterEach(() => life.remove());

  test("is overwritten, and the disk keeps its size", async () => {
    const disk = join(life.vm.root, "dev/vdb");
    await plantDisk(disk);
    life.service.give({ script: "true" });

    await life.run();

    expect(life.machine()?.outcome).toMatchObject({ exitCode: 100 });
    const content = await readFile(disk);
    expect(content).toHaveLength(64 * 1024);
    expect(content.every((byte) => byte === 0)).toBe(true);
  });

  test("is not looked for among disks of another size", async () => {
    await plantDisk(join(life.vm.root, "dev/vdb"), "262144");
    life.vm.boot();

    await life.vm.ended();

    expect(life.vm.console()).toContain("no seed");
  });

  async function plantDisk(path: string, sectors = "128"): Promise<void> {
    await mkdir(join(life.vm.root, "dev"));
    await mkdir(join(life.vm.root, "sys/block/vdb"), { recursive: true });
    await mkdir(join(life.vm.root, "sys/block/vda"), { recursive: true });
    await writeFile(join(life.vm.root, "sys/block/vda/size"), "8388608\n");
    await writeFile(join(life.vm.root, "sys/block/vdb/size"), `${sectors}\n`);
    const content = Buffer.alloc(64 * 1024);
    content.write(`MAYFLYSEED1\n${JSON.stringify(life.rig.seed())}\n`);
    await writeFile(path, content);
  }
});

test("the program says its version", async () => {
  const { stdout } = await execa("guest/unix/mayfly-guest", ["--version"], {
    env: { MAYFLY_SYSTEM: "guest/linux" },
  });

  expect(stdout).toBe("1");
});
