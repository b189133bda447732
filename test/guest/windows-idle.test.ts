import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { conformsWithoutJobs } from "./conformance-idle.ts";
import { eventually, type Life, newLife } from "./life.ts";
import { MACHINE } from "./listening.ts";
import { PWSH, WINDOWS } from "./systems.ts";

// See: windows.test.ts, for what is tested where there is no PowerShell.
describe.skipIf(PWSH === "")("on Windows", () => {
  conformsWithoutJobs(WINDOWS);

  describe("the seed", () => {
    let life: Life;

    beforeEach(async () => {
      life = await newLife(WINDOWS);
    });
    afterEach(() => life.remove());

    const asks = () => eventually(() => expect(life.rig.listener.guests.polling().has(MACHINE)).toBe(true));
    const seedText = () => `MAYFLYSEED1\n${JSON.stringify(life.rig.seed())}\n`;
    const userData = async (text: string) => {
      const folder = join(life.vm.root, "config-2/openstack/latest");
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "user_data"), text);
    };

    test("on a disk is overwritten, and the disk keeps its size", async () => {
      const disk = Buffer.alloc(64 * 1024);
      disk.write(seedText());
      await writeFile(join(life.vm.root, "disk"), disk);
      life.vm.boot();

      await asks();

      expect(await readFile(join(life.vm.root, "disk"))).toEqual(Buffer.alloc(64 * 1024));
    });

    test("on a config drive is read, and the drive is taken away", async () => {
      await userData(seedText());
      life.vm.boot();

      await asks();

      expect(await life.vm.commandLines()).toContain("Hide-ConfigDrive ");
    });

    test("that cannot be looked for powers the VM off", async () => {
      await mkdir(join(life.vm.root, "disk"));
      life.vm.boot();

      expect(await life.vm.ended()).toBe(1);

      expect(await life.vm.powerOffs()).toBe(1);
    });

    test("that can be looked for once, and is nowhere, leaves the VM alone", async () => {
      const looks = async () => (await life.vm.commandLines()).match(/^Find-SeedDisk/gm)?.length ?? 0;
      life.vm.boot();
      // NB: the second look has begun, so the first one was finished.
      await eventually(async () => expect(await looks()).toBeGreaterThan(1));
      await mkdir(join(life.vm.root, "disk"));

      expect(await life.vm.ended()).toBe(0);

      expect(life.vm.console()).toContain("no seed");
      expect(await life.vm.powerOffs()).toBe(0);
    });

    test.each([
      ["is left alone without a seed", false, 0],
      ["powers off with one", true, 1],
    ])("a VM in which the folder of the log cannot be made %s", async (_what, isPlanted, offs) => {
      await writeFile(life.vm.run, "");
      if (isPlanted) await life.plant();
      life.vm.boot();

      expect(await life.vm.ended()).toBe(1);

      expect(await life.vm.powerOffs()).toBe(offs);
    });

    test("is none if the user data are somebody else's", async () => {
      await userData("#ps1\nWrite-Output mine\n");
      life.vm.boot();

      expect(await life.vm.ended()).toBe(0);

      expect(await life.vm.powerOffs()).toBe(0);
    });
  });
});
