import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import { openAuthority } from "../../src/guest/authority.ts";
import { newRoot, openBench } from "../drivers/vagrant-vm-bench.ts";
import { buildStandIn } from "../rig/runner/build.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const BOXES = join(PROJECT, "vagrant/boxes");
const GATEWAY = "10.77.0.1";
/** An ordinary Debian with all of systemd, without KVM, on a busy machine. */
const BOOT_MS = 480_000;
const limit = () => AbortSignal.timeout(BOOT_MS);

describe("a box that debian.sh makes", () => {
  let root: string;
  let box: { name: string; file: string; sha256: string };

  beforeAll(async () => {
    root = await newRoot();
    box = await makeBox(root);
  });

  afterAll(() => rm(root, { recursive: true, force: true }));

  test("boots by itself on libvirt, and its guest finds its seed, wipes it and asks for work", async () => {
    const controller = `vm${randomBytes(4).toString("hex")}`;
    const name = machineName(controller, "debian", randomBytes(8));
    const guests = await guestListener();
    const { ca } = await openAuthority(join(root, "authority"), [GATEWAY], Date.now());
    const image = { box, memoryMiB: 768 };
    const bench = await openBench({ root: await newRoot(), ca, controller, image, guestUrl: guests.url });
    onTestFinished(bench.close);

    await bench.driver.start(bench.order(name), limit());
    await expect.poll(guests.hasCalled, { timeout: BOOT_MS, interval: 500 }).toBe(true);

    const { "console.log": said = "" } = await bench.driver.evidence(name, limit());
    expect(said).not.toContain("token-of-");
    const disk = await execa("virsh", [
      "-q",
      "-c",
      "qemu:///system",
      "vol-path",
      "--pool",
      "default",
      `${name}-vdz.raw`,
    ]);
    expect((await readFile(disk.stdout)).every((byte) => byte === 0)).toBe(true);
  });

  test("is added to Vagrant by add.sh, once, and says there what it is", async () => {
    const home = join(root, "vagrant-home");
    await mkdir(home);
    const environment = { VAGRANT_HOME: home, VAGRANT_CHECKPOINT_DISABLE: "1" };
    const add = () =>
      execa(join(BOXES, "add.sh"), ["--name", box.name, "--sha256", box.sha256, box.file], {
        env: environment,
      });

    const first = await add();
    const second = await add();

    expect(first.stdout).toContain("prepared: true");
    expect(second.stderr).toContain("Vagrant has it already");
    const { stdout } = await execa("vagrant", ["box", "list", "-i"], { env: environment });
    expect(stdout).toContain(`${box.name} (libvirt, `);
    expect(stdout).toContain("mayfly_os: debian-12");
  });
});

/** With the stand-in for GitHub's runner. The slow part, Debian itself, is kept for the next time. */
async function makeBox(root: string) {
  const standIn = await buildStandIn(join(root, "mirror"));
  const archive = await readFile(join(standIn.folder, standIn.file));
  const mirror = createHttpServer((_request, response) => void response.end(archive));
  mirror.listen(0, "127.0.0.1");
  await once(mirror, "listening");
  const file = join(root, "debian.box");
  await execa(
    join(BOXES, "debian.sh"),
    ["--output", file, "--cache", join(PROJECT, ".cache/boxes"), "--size", "4"],
    {
      env: {
        MAYFLY_UPGRADE: "no",
        MAYFLY_RUNNER_MIRROR: `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`,
        MAYFLY_RUNNER_LOCK: standIn.lock,
      },
    },
  );
  mirror.close();
  const sha256 = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  return { name: "mayfly/debian-built", file, sha256 };
}

/** Stands where the guest listener would be. */
async function guestListener(): Promise<{ url: string; hasCalled: () => boolean }> {
  let calls = 0;
  const server: Server = createServer((socket) => {
    calls += 1;
    socket.on("error", () => undefined).end();
  });
  server.listen(0, GATEWAY);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { url: `https://${GATEWAY}:${(server.address() as AddressInfo).port}`, hasCalled: () => calls > 0 };
}
