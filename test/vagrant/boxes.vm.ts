import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { DOWNLOADS_LOCK } from "../../script/update/locks.ts";
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

/** What is slow and changes least: Debian itself. */
const CACHE = join(PROJECT, ".cache/boxes");

/** NB: without KVM Packer takes five minutes for its box, so it is left out unless somebody wants it. */
const MAKERS = [
  ["debian.sh, from Debian's packages", "debian", byDebian],
  ["Packer, from a stock cloud image", "packer", byPacker],
] as const;

describe.each(process.env.MAYFLY_TEST_PACKER ? MAKERS : MAKERS.slice(0, 1))(
  "a box that is made by %s",
  (_, maker, make) => {
    let root: string;
    let box: { name: string; file: string; sha256: string };

    beforeAll(async () => {
      root = await newRoot();
      const file = await withMirror(root, (mirror) => make(root, mirror));
      const sha256 = createHash("sha256")
        .update(await readFile(file))
        .digest("hex");
      box = { name: `mayfly/${maker}-built`, file, sha256 };
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
  },
);

type Mirror = { port: number; lock: string };

/** The stand-in for GitHub's runner, to be downloaded. */
async function withMirror<Made>(root: string, make: (mirror: Mirror) => Promise<Made>): Promise<Made> {
  const { folder, file, lock } = await buildStandIn(join(root, "mirror"));
  const archive = await readFile(join(folder, file));
  const server = createHttpServer((_request, response) => void response.end(archive));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await make({ port: (server.address() as AddressInfo).port, lock });
  } finally {
    server.close();
  }
}

async function byDebian(root: string, { port, lock }: Mirror): Promise<string> {
  const file = join(root, "debian.box");
  await execa(join(BOXES, "debian.sh"), ["--output", file, "--cache", CACHE, "--size", "4"], {
    env: {
      MAYFLY_UPGRADE: "no",
      MAYFLY_RUNNER_MIRROR: `http://127.0.0.1:${port}`,
      MAYFLY_RUNNER_LOCK: lock,
    },
  });
  return file;
}

/** In a copy of this repository that names another base image, and by a VM of QEMU's, in which this machine is 10.0.2.2. */
async function byPacker(root: string, { port, lock }: Mirror): Promise<string> {
  const [file, project] = [join(root, "packed.box"), join(root, "project")];
  const stock = await stockImage();
  const digest = `sha256:${createHash("sha256")
    .update(await readFile(stock))
    .digest("hex")}`;
  for (const part of ["images", "guest", "vagrant"])
    await cp(join(PROJECT, part), join(project, part), { recursive: true });
  await writeFile(
    join(project, DOWNLOADS_LOCK),
    JSON.stringify({ "debian-12": { url: stock, digest }, "debian-12-installer": { url: stock, digest } }),
  );
  const settings = ["accelerator=tcg", "disk_gib=4", "memory_mib=1024"].flatMap((each) => ["--set", each]);
  await execa(join(project, "vagrant/boxes/build.sh"), ["--for", "libvirt", "--output", file, ...settings], {
    env: {
      PACKER_CACHE_DIR: join(root, "packer"),
      MAYFLY_UPGRADE: "no",
      MAYFLY_RUNNER_MIRROR: `http://10.0.2.2:${port}`,
      MAYFLY_RUNNER_LOCK: lock,
    },
  });
  return file;
}

async function stockImage(): Promise<string> {
  const maker = join(import.meta.dirname, "stock-image.sh");
  const made = await Promise.all([readFile(maker), readFile(join(BOXES, "lib.sh"))]);
  const key = createHash("sha256").update(Buffer.concat(made)).digest("hex").slice(0, 16);
  const file = join(CACHE, `stock-${key}.qcow2`);
  await execa(maker, [file]);
  return file;
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
