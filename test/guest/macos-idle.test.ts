import { cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { conformsWithoutJobs } from "./conformance-idle.ts";
import { eventually, type Life, newLife } from "./life.ts";
import { MACHINE } from "./listening.ts";
import { MACOS } from "./systems.ts";
import { isRoot } from "./vm.ts";

conformsWithoutJobs(MACOS);

describe("on macOS", () => {
  let life: Life;

  beforeEach(async () => {
    life = await newLife(MACOS);
  });
  afterEach(() => life.remove());

  const inVm = (path: string) => join(life.vm.root, path);
  const asks = () => eventually(() => expect(life.rig.listener.guests.polling().has(MACHINE)).toBe(true));
  const share = async (folder: string) => {
    await mkdir(inVm(`${folder}/mayfly`), { recursive: true });
    await writeFile(inVm(`${folder}/mayfly/seed.json`), JSON.stringify(life.rig.seed()));
  };

  test("the seed is read from the folder that the host shares, and the folder is taken out", async () => {
    await share("Volumes/My Shared Files");
    life.vm.boot();

    await asks();

    await expect(stat(inVm("Volumes/My Shared Files"))).rejects.toThrow();
    expect(await life.vm.commandLines()).toContain(`umount ${inVm("Volumes/My Shared Files")}`);
  });

  test("a folder that is shared and not mounted yet is mounted for the seed", async () => {
    await share("shared");
    life.vm.boot();

    await asks();

    const folder = join(life.vm.run, "share");
    const commands = await life.vm.commandLines();
    expect(commands).toContain(`mount_virtiofs com.apple.virtio-fs.automount ${folder}`);
    expect(commands).toContain(`umount ${folder}`);
    await expect(stat(folder)).rejects.toThrow();
  });

  test("the guest powers off by shutdown, which stops the VM", async () => {
    await life.plant();
    life.rig.tell({ kind: "machine-retired", machine: MACHINE, why: "surplus", at: Date.now() });
    life.vm.boot({ MAYFLY_POWEROFF: "" });

    await life.vm.ended();

    expect(await life.vm.commandLines()).toContain("shutdown -h now");
  });

  test("curl is told to trust no authority of the system's", async () => {
    await cp(inVm("watch/curl"), inVm("watch/real-curl"));
    await writeFile(
      inVm("watch/curl"),
      `#!/bin/bash\necho "$CURL_SSL_BACKEND" >"${life.vm.root}/backend"\nexec real-curl "$@"\n`,
    );
    await life.plant();
    life.vm.boot();

    await asks();

    expect(await readFile(inVm("backend"), "utf8")).toBe("secure-transport\n");
    expect(await life.vm.commandLines()).toMatch(/--cacert \S+\/ca\.pem --connect-timeout/);
  });

  // It becomes another user, which only root can.
  describe.skipIf(!isRoot)("the runner", () => {
    test("is its user's by sudo, with its environment kept and no secret in the arguments", async () => {
      await life.plant();
      life.service.give({ script: "true" });

      await life.run();

      const commands = await life.vm.commandLines();
      expect(commands).toMatch(/^sudo -n -E -u nobody -- bin\/Runner\.Listener run$/m);
      expect(commands).not.toContain("launchctl");
    });

    test("gets the session of its user where the image has logged that one in", async () => {
      await life.plant();
      await writeFile(inVm("console-user"), "nobody\n");
      life.service.give({ script: "true" });

      await life.run();

      expect(await life.vm.commandLines()).toMatch(/^launchctl asuser \d+ sudo -n -E -u nobody -- bin/m);
      expect(life.machine()?.outcome).toMatchObject({ exitCode: 100 });
    });
  });
});
