import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Drive, insertDrive, ORDERS, userDataOf } from "./config-drive.ts";
import { eventually, type Life, newLife } from "./life.ts";
import { newVm } from "./vm.ts";

let life: Life;

beforeEach(async () => {
  life = await newLife();
});
afterEach(() => life.remove());

const insert = (drive: Drive) => insertDrive(life.vm, drive);
const seed = () => userDataOf(life.rig.seed());
const inVm = (path: string) => readFile(join(life.vm.root, path), "utf8");
const asks = () => eventually(() => expect(life.rig.listener.guests.polling().size).toBe(1));

describe("the seed on a config drive", () => {
  test("is good for a job, whose user can reach neither the drive nor the metadata service", async () => {
    await insert({ name: "sr0", userData: seed() });
    life.service.give({ script: "true" });

    await life.run();

    expect(life.machine()?.outcome).toMatchObject({ exitCode: 100 });
    expect(await inVm(ORDERS.scsi("sr0"))).toBe("1\n");
    expect((await stat(join(life.vm.root, "dev/sr0"))).mode & 0o777).toBe(0o600);
    const commands = await life.vm.commandLines();
    expect(commands).toMatch(/^ip rule add to 169\.254\.169\.254 blackhole/m);
    expect(commands).toMatch(/^ip -6 rule add to fe80::a9fe:a9fe blackhole/m);
  });

  test("is read from a drive that is mounted for reading only, and unmounted before the guest asks", async () => {
    await insert({ name: "sr0", userData: seed() });
    life.vm.boot();

    await asks();

    const commands = (await life.vm.commandLines()).split("\n");
    const folder = join(life.vm.root, "run/mayfly/config-drive");
    expect(commands.slice(0, 2)).toEqual([
      `mount -t iso9660,vfat -o ro,nosuid,nodev,noexec ${life.vm.root}/dev/sr0 ${folder}`,
      `umount ${folder}`,
    ]);
  });

  test("leaves its token in no file of the VM but the drive's own", async () => {
    await insert({ name: "sr0", userData: seed() });
    life.vm.boot();

    await asks();

    const holders = [...(await life.vm.files())].filter(([, text]) => text.includes(life.rig.seed().token));
    expect(holders.map(([path]) => path)).toEqual([
      join(life.vm.root, "media/sr0/openstack/latest/user_data"),
    ]);
  });

  test("that is a virtio disk is found too, and the disk is taken from its driver", async () => {
    await insert({ name: "vdb", userData: seed() });
    life.vm.boot();

    await asks();

    expect(await inVm(ORDERS.virtio)).toBe("virtio3\n");
  });

  test("is not waited for when there is a disk of Mayfly's own size, and nothing is mounted", async () => {
    await insert({ name: "sr0", userData: "something else" });
    await insert({ name: "vdb", sectors: 128 });
    await writeFile(join(life.vm.root, "dev/vdb"), seed());
    life.vm.boot();

    await asks();

    expect(await life.vm.commandLines()).not.toMatch(/^(mount|ip) /m);
  });

  test("is found on a drive that cannot be mounted when it is first looked at", async () => {
    await insert({ name: "sr0", userData: seed() });
    await rename(join(life.vm.root, "media/sr0"), join(life.vm.root, "media/later"));
    life.vm.boot();
    await eventually(async () => expect(await life.vm.commandLines()).toMatch(/^mount /m));

    await rename(join(life.vm.root, "media/later"), join(life.vm.root, "media/sr0"));

    await asks();
  });

  test("is looked for once on each drive that could be mounted, and the seed's file is found although a drive has no user data", async () => {
    await insert({ name: "sr0" });
    life.vm.boot();
    await eventually(async () => expect(await life.vm.commandLines()).toContain("umount"));

    await life.plant();
    await asks();

    expect((await life.vm.commandLines()).match(/^mount /gm)).toHaveLength(1);
  });

  test.each<[string, Drive]>([
    ["larger than any config drive", { name: "vda", sectors: 8_388_608 }],
    ["a loop", { name: "loop0", isReal: false }],
  ])("is not looked for on what is %s", async (_what, drive) => {
    await insert({ ...drive, userData: seed() });
    life.vm.boot();

    await life.vm.ended();

    expect(life.vm.console()).toContain("no seed");
    expect(await life.vm.commandLines()).not.toContain("mount");
  });

  test("that makes no sense powers the VM off", async () => {
    await insert({ name: "sr0", userData: "MAYFLYSEED1\n{}\n" });
    life.vm.boot();

    expect(await life.vm.ended()).toBe(1);

    expect(await life.vm.powerOffs()).toBe(1);
  });

  test("is waited for longer where the firmware says that the VM is Nova's", async () => {
    const elsewhere = await newVm();
    await mkdir(join(life.vm.root, "sys/class/dmi/id"), { recursive: true });
    await writeFile(join(life.vm.root, "sys/class/dmi/id/product_name"), "OpenStack Nova\n");
    life.vm.boot();
    elsewhere.boot();
    expect(await elsewhere.ended()).toBe(0); // it has given up

    await insert({ name: "sr0", userData: seed() });

    await asks();
    await elsewhere.remove();
  });
});

test("user data that are somebody else's leave the VM alone", async () => {
  await insert({ name: "sr0", userData: "#cloud-config\nhostname: mine\n" });
  life.vm.boot();

  expect(await life.vm.ended()).toBe(0);

  expect(life.vm.console()).toContain("no seed");
  expect(await life.vm.powerOffs()).toBe(0);
  expect(await inVm(ORDERS.scsi("sr0"))).toBe("");
  expect(await life.vm.commandLines()).not.toMatch(/^ip /m);
});

describe("the metadata service", () => {
  test("is asked for the seed where the image says so", async () => {
    await serveMetadata(seed());
    await writeFile(join(life.vm.root, "etc/mayfly/metadata"), "");
    life.vm.boot();

    await asks();

    expect(await life.vm.commandLines()).toMatch(/^ip rule add to 169\.254\.169\.254 blackhole/m);
  });

  test("is not asked elsewhere", async () => {
    await serveMetadata(seed());
    life.vm.boot();

    await life.vm.ended();

    expect(await life.vm.commandLines()).not.toContain("curl");
  });

  /** In front of the real curl, for this one address. */
  async function serveMetadata(userData: string): Promise<void> {
    const { root } = life.vm;
    await writeFile(join(root, "watch/user_data"), userData);
    const curl = await readFile(join(root, "watch/curl"), "utf8");
    const address = "http://169.254.169.254/openstack/latest/user_data";
    const served = `[[ "\${@: -1}" != ${address} ]] || exec cat "${root}/watch/user_data"`;
    await writeFile(join(root, "watch/curl"), curl.replace("\nexec ", `\n${served}\nexec `));
  }
});

describe("an image that is to try itself", () => {
  beforeEach(() => insert({ name: "sr0", userData: "MAYFLYSELFTEST1\n" }));

  const selfTest = () => join(life.vm.root, "usr/local/lib/mayfly/self-test");

  test.each([0, 1])("does so, says how it went, and powers off: exit code %i", async (code) => {
    await writeFile(selfTest(), `#!/bin/bash\necho "self-test: done" >&2\nexit ${code}\n`, { mode: 0o755 });
    life.vm.boot({ MAYFLY_TESTED_SECONDS: "0" });

    await life.vm.ended();

    expect(life.vm.console()).toContain("self-test: done");
    expect(life.vm.console().includes("exit code 1")).toBe(code === 1);
    expect(await life.vm.powerOffs()).toBe(1);
    expect(await life.vm.commandLines()).not.toContain("curl");
  });

  test("stays on for a while, so that its console can be read", async () => {
    await writeFile(selfTest(), "#!/bin/bash\n", { mode: 0o755 });
    const booted = performance.now();
    life.vm.boot({ MAYFLY_TESTED_SECONDS: "1" });

    await life.vm.ended();

    expect(performance.now() - booted).toBeGreaterThan(1000);
  });

  test("powers off although it holds no such program", async () => {
    await rm(selfTest());
    life.vm.boot({ MAYFLY_TESTED_SECONDS: "0" });

    await life.vm.ended();

    expect(life.vm.console()).toContain("there is no");
    expect(await life.vm.powerOffs()).toBe(1);
  });
});
