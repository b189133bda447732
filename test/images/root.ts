import { createHash } from "node:crypto";
import { appendFile, cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { buildStandIn } from "../rig/runner/build.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const SUITE = "bookworm";
/** What stock images have, besides the least that Debian starts with. */
const STOCK = "systemd-sysv,sudo,openssh-server,udev,dbus,ca-certificates,e2fsprogs,cloud-init";

export type Root = Awaited<ReturnType<typeof openRoot>>;

/** The root of a Debian as a cloud's stock image has it, and the image's steps to run in it. */
export async function openRoot() {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-image-"));
  await execa("tar", ["-xf", await baseOf(), "-C", folder]);
  await cp("/etc/resolv.conf", join(folder, "etc/resolv.conf"), { dereference: true });
  await livedIn(folder);
  const build = join(folder, "tmp/mayfly");
  for (const part of ["images", "guest"])
    await cp(join(PROJECT, part), join(build, part), { recursive: true });
  await buildStandIn(join(build, "mirror"));
  const environment = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    MAYFLY_IMAGE_BUILD: "yes",
    MAYFLY_RUNNER_MIRROR: "file:///tmp/mayfly/mirror",
    MAYFLY_RUNNER_LOCK: "/tmp/mayfly/mirror/runner.lock.json",
    // NB: this machine may have a metadata service of its own, which is none of a test's business
    MAYFLY_METADATA: "http://127.0.0.1:9/",
  };

  const run = (command: readonly string[], more: Record<string, string> = {}) =>
    execa("unshare", ["--mount", "bash", "--norc", "-c", MOUNTED, "bash", folder, ...command], {
      reject: false,
      all: true,
      extendEnv: false,
      env: { ...environment, ...more },
    });

  return {
    folder,
    run,
    /** Runs a step of the image. */
    step: (name: string, more?: Record<string, string>) => run([`/tmp/mayfly/images/linux/${name}`], more),
    read: (path: string) => readFile(join(folder, path), "utf8"),
    isThere: (path: string) =>
      stat(join(folder, path)).then(
        () => true,
        () => false,
      ),
    put: async (path: string, content: string, mode = 0o644) => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content, { mode });
    },
    close: () => rm(folder, { recursive: true }),
  };
}

/** In a name space of mounts of its own, so that none is left behind. NB: as a VM has them, so that packages can be set up. */
const MOUNTED = `
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"`;

/** Fetched once: a minute's work. */
async function baseOf(): Promise<string> {
  const key = createHash("sha256").update(`${SUITE} ${STOCK}`).digest("hex").slice(0, 16);
  const tarball = join(PROJECT, ".cache/images", `${key}.tar`);
  if (await stat(tarball).catch(() => undefined)) return tarball;
  await mkdir(dirname(tarball), { recursive: true });
  const making = `${tarball}.${process.pid}.tar`;
  await execa("mmdebstrap", [
    "--quiet",
    "--variant=minbase",
    `--include=${STOCK}`,
    '--aptopt=Apt::Install-Recommends "false"',
    SUITE,
    making,
  ]);
  await rename(making, tarball);
  return tarball;
}

/** What a stock image that was booted and logged in to has, and an image of ours must not. */
async function livedIn(folder: string): Promise<void> {
  const put = async (path: string, content: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  for (const user of ["debian", "vagrant"]) {
    await execa("chroot", [
      folder,
      "useradd",
      "--create-home",
      "--shell",
      "/bin/bash",
      "--groups",
      "sudo,adm",
      user,
    ]);
    await put(`home/${user}/.ssh/authorized_keys`, "a key");
  }
  await execa("chroot", [folder, "chpasswd"], { input: "root:root\nvagrant:vagrant\n" });
  await put("etc/sudoers.d/90-cloud-init-users", "debian ALL=(ALL) NOPASSWD:ALL\n");
  await put("etc/sudoers.d/vagrant", "vagrant ALL=(ALL) NOPASSWD:ALL\n");
  await appendFile(join(folder, "etc/sudoers"), "%adm ALL=(ALL) NOPASSWD:ALL\n");
  await put("root/.ssh/authorized_keys", "a key");
  await put("root/.bash_history", "mount -o password=secret");
  await put("var/lib/cloud/instance/user-data.txt", "a secret");
  await put("etc/cloud/cloud.cfg", "users: [default]\n");
  await put("etc/netplan/50-cloud-init.yaml", "network: {}\n");
  await put("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  await put("var/log/auth.log", "who came");
  await put("tmp/left", "something");
}
