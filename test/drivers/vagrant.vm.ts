import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import type { Image } from "../../src/core/types.ts";
import { openAuthority } from "../../src/guest/authority.ts";
import type { VmSeen } from "../../src/ports.ts";
import { type BuiltBox, breakBox, buildBox } from "../rig/box/build-box.ts";
import { buildStandIn } from "../rig/runner/build.ts";
import { copyBox, newRoot, openBench, type VmBench, type VmOptions, virsh } from "./vagrant-vm-bench.ts";

const GATEWAY = "10.77.0.1";
/** A VM without KVM on a busy machine. */
const BOOT_MS = 240_000;
const limit = () => AbortSignal.timeout(BOOT_MS);
const waiting = { timeout: BOOT_MS, interval: 200 };

let tiny: BuiltBox;

beforeAll(async () => {
  tiny = await buildBox("tiny", (text) => console.log(text));
});

async function fresh(image: Partial<Image> = {}, more: Partial<VmOptions> = {}) {
  const controller = `vm${randomBytes(4).toString("hex")}`;
  const guests = await guestListener();
  const root = more.root ?? (await newRoot());
  const { ca } = await openAuthority(join(root, "authority"), [GATEWAY], Date.now());
  const options = {
    ...{ root, ca },
    controller,
    image: { box: tiny, ...image },
    guestUrl: guests.url,
    ...more,
  };
  const bench = await openBench(options);
  onTestFinished(bench.close);
  return { bench, options, guests, name: machineName(controller, "tiny", randomBytes(8)) };
}

/** Stands where the guest listener would be: a guest that calls has found its seed. */
async function guestListener(): Promise<{ url: string; hasCalled: () => boolean }> {
  let calls = 0;
  const server = createServer((socket) => {
    calls += 1;
    socket.on("error", () => undefined).end();
  });
  const port = await listen(server);
  return { url: `https://${GATEWAY}:${port}`, hasCalled: () => calls > 0 };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, GATEWAY);
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const seen = async ({ driver }: VmBench, name: string): Promise<VmSeen | undefined> =>
  (await driver.list(limit())).find((vm) => vm.name === name);

const expectState = (bench: VmBench, name: string, state: VmSeen["state"]) =>
  expect.poll(() => seen(bench, name), waiting).toMatchObject({ state });

test("a VM boots, finds its seed and wipes it; destroyed, it leaves nothing", async () => {
  const { bench, guests, name } = await fresh();

  await bench.driver.start(bench.order(name), limit());
  await expect.poll(guests.hasCalled, waiting).toBe(true);
  const disk = await readFile(await virsh("vol-path", "--pool", "default", `${name}-vdz.raw`));
  const { "console.log": said } = await bench.driver.evidence(name, limit());
  await bench.driver.destroy(name, limit());

  expect(disk.every((byte) => byte === 0)).toBe(true);
  expect(said).not.toContain("token-of-");
  expect(await bench.leftovers()).toEqual([]);
  await bench.driver.destroy(name, limit());
});

test("a VM that is destroyed while it is made leaves nothing", async () => {
  const { bench, name } = await fresh();
  await bench.driver.start(bench.order(name), limit());
  await expect.poll(bench.leftovers, waiting).toContainEqual(expect.stringContaining(`${name}.img`));

  await bench.driver.destroy(name, limit());

  expect(await bench.driver.list(limit())).toEqual([]);
  expect(await bench.leftovers()).toEqual([]);
});

test.each([
  ["before Vagrant has its order", "run.json"],
  ["while Vagrant makes the VM", "order.json"],
])("a controller that is killed %s leaves a VM that the next one destroys", async (_when, file) => {
  const { bench, options, name } = await fresh();
  const first = execFile(process.execPath, [FIRST_CONTROLLER, BENCH, JSON.stringify(options), name]);
  await expect.poll(() => isThere(join(bench.folder, "machines", name, file)), waiting).toBe(true);
  first.kill("SIGKILL");
  const { pid } = JSON.parse(await readFile(join(bench.folder, "machines", name, "run.json"), "utf8"));

  const listed = await seen(bench, name);
  await bench.driver.destroy(name, limit());

  expect(listed).toBeDefined();
  expect(await bench.leftovers()).toEqual([]);
  expect(await isThere(`/proc/${pid}/cwd/`)).toBe(false);
});

const BENCH = import.meta.resolve("./vagrant-vm-bench.ts");
const FIRST_CONTROLLER = join(import.meta.dirname, "first-controller.ts");

test("a VM whose folder is lost, Vagrant's too, is listed and destroyed", async () => {
  const { bench, name } = await fresh();
  await bench.driver.start(bench.order(name), limit());
  await expect.poll(() => isThere(join(bench.folder, "machines", name, "end.json")), waiting).toBe(true);
  for (const lost of ["machines", "dot"]) await rm(join(bench.folder, lost), { recursive: true });

  const listed = await seen(bench, name);
  await bench.driver.destroy(name, limit());

  expect(listed).toMatchObject({ state: "up" });
  expect(await bench.leftovers()).toEqual([]);
});

test("VMs and disks of others with similar names are not listed, and stay when ours are destroyed", async () => {
  const { bench, options, name } = await fresh();
  const { controller, root } = options;
  const others = [`mayfly-${controller}x-tiny-a2b3c4d5`, "mayfly-other-tiny-a2b3c4d5", `${name}-copy`];
  for (const other of others) await plant(other, root);
  await bench.driver.start(bench.order(name), limit());
  await expectState(bench, name, "up");

  const listed = await bench.driver.list(limit());
  await bench.driver.destroy(name, limit());

  expect(listed.map((vm) => vm.name)).toEqual([name]);
  const [vms, disks] = [await virsh("list", "--all", "--name"), await virsh("vol-list", "default")];
  for (const other of others) expect(vms.split("\n")).toContain(other);
  for (const other of others) expect(disks).toContain(`${other}.img`);
});

/** A VM that is off, and a disk, of nobody. */
async function plant(name: string, root: string): Promise<void> {
  const file = join(root, `${name}.xml`);
  await writeFile(
    file,
    `<domain type='qemu'><name>${name}</name><memory>1024</memory><os><type>hvm</type></os></domain>`,
  );
  await virsh("define", file);
  await virsh("vol-create-as", "default", `${name}.img`, "64K", "--format", "raw");
  onTestFinished(async () => {
    await virsh("undefine", name);
    await virsh("vol-delete", "--pool", "default", `${name}.img`);
  });
}

test("a box whose upload was cut short boots all the same", async () => {
  const root = await newRoot();
  const { bench, guests, name } = await fresh({ box: await copyBox(tiny, root) }, { root });
  await bench.driver.start(bench.order(name), limit());
  await expectState(bench, name, "up");
  await bench.driver.destroy(name, limit());
  const volumes = (await virsh("vol-list", "default")).split("\n");
  const base = volumes.find((line) => line.includes("tiny-copy_vagrant_box_image"));
  await truncate(base?.trim().split(/\s+/)[1] ?? "", 1_000_000);

  await bench.driver.start(bench.order(name), limit());

  await expect.poll(guests.hasCalled, waiting).toBe(true);
});

test("a box whose system panics is up and never calls, and its console tells why", async () => {
  const root = await newRoot();
  const { bench, guests, name } = await fresh({ box: await breakBox(tiny, root) }, { root });

  await bench.driver.start(bench.order(name), limit());

  const said = async () => (await bench.driver.evidence(name, limit()))["console.log"] ?? "";
  await expect.poll(said, waiting).toContain("Kernel panic");
  expect(guests.hasCalled()).toBe(false);
});

test("two VMs that are ordered at once both boot, and the bridge keeps them from each other", async () => {
  const { bench, options } = await fresh();
  const names = [1, 2].map(() => machineName(options.controller, "tiny", randomBytes(8)));

  for (const name of names) await bench.driver.start(bench.order(name), limit());

  for (const name of names) {
    const said = async () => (await bench.driver.evidence(name, limit()))["console.log"] ?? "";
    await expect.poll(said, waiting).toContain("mayfly:");
    expect(await isIsolated(name)).toBe(true);
  }
});

/** Whether the VM's port of the bridge passes nothing to other such ports. See: bridge(8), `isolated`. */
async function isIsolated(name: string): Promise<boolean> {
  const [, device = ""] = /^ ?(\S+) +network/m.exec(await virsh("domiflist", name)) ?? [];
  const { stdout } = await execa("bridge", ["-json", "-details", "link", "show", "dev", device]);
  return JSON.parse(stdout)[0].isolated;
}

test("a stock box without the guest program gets it, and the runner, over SSH, and nothing of the seed stays on the host", async () => {
  const box = await buildBox("systemd", (text) => console.log(text));
  const root = await newRoot();
  const { mirror, project } = await projectWithStandIn(root);
  const more = { root, project, runnerMirror: mirror };
  const { bench, guests, name } = await fresh({ box, prepared: false }, more);

  await bench.driver.start(bench.order(name), limit());

  await expect.poll(guests.hasCalled, waiting).toBe(true);
  await expect.poll(() => isThere(join(bench.folder, "machines", name, "end.json")), waiting).toBe(true);
  expect(await seen(bench, name)).toMatchObject({ state: "up" });
  expect(await isThere(join(bench.folder, "machines", name, "upload"))).toBe(false);
  const { "vagrant.log": said } = await bench.driver.evidence(name, limit());
  expect(said).toContain("mayfly: the guest program was started");
  expect(said).not.toContain("token-of-");
});

/** Mayfly's folder, but with the stand-in runner for the one that its lock file names, and a mirror that has it. */
async function projectWithStandIn(root: string): Promise<{ project: string; mirror: string }> {
  const [project, here] = [join(root, "project"), join(import.meta.dirname, "../..")];
  const { folder, file, lock } = await buildStandIn(join(root, "standin"));
  await mkdir(project);
  for (const part of ["guest", "vagrant"])
    await cp(join(here, part), join(project, part), { recursive: true });
  await cp(lock, join(project, "guest/runner.lock.json"));
  const archive = await readFile(join(folder, file));
  const server = createHttpServer((_request, response) => void response.end(archive));
  return { project, mirror: `http://${GATEWAY}:${await listen(server)}` };
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
