import { readdirSync } from "node:fs";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openRoot, type Root } from "./root.ts";

/** NB: all that are there, so that none is without a test. */
const STEPS = readdirSync(resolve(import.meta.dirname, "../../images/linux"))
  .filter((name) => /^\d\d-.*\.sh$/.test(name))
  .sort();

describe("the steps of an image, each run twice on a stock Debian", () => {
  let root: Root;

  beforeAll(async () => {
    root = await openRoot();
  });
  afterAll(() => root.close());

  test.each(STEPS)("%s succeeds, and does so again", async (step) => {
    const first = await root.step(step, { MAYFLY_COMMIT: "0123abc", MAYFLY_UPGRADE: "no" });
    const second = await root.step(step, { MAYFLY_COMMIT: "0123abc", MAYFLY_UPGRADE: "no" });

    expect([first.exitCode, second.exitCode], `${first.all}\n${second.all}`).toEqual([0, 0]);
  });

  test("the runner is there, pinned, and belongs to its user", async () => {
    expect(await root.read("etc/mayfly/runner-version")).toMatch(/^2\.\d+\.\d+/);
    expect(
      (await root.run(["stat", "-c", "%U", "/home/runner/actions-runner/bin/Runner.Listener"])).stdout,
    ).toBe("runner");
  });

  test("it says what it is, to the cloud and to each job", async () => {
    const facts = JSON.parse(await root.read("etc/mayfly/image.json"));

    expect(facts).toEqual({
      mayfly_runner_version: (await root.read("etc/mayfly/runner-version")).trim(),
      mayfly_runner_released_at: "2026-11-20",
      mayfly_built_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      mayfly_os: "debian-12",
      mayfly_commit: "0123abc",
    });
    const [group] = JSON.parse(await root.read("home/runner/actions-runner/.setup_info"));
    expect(group.detail).toContain("os: debian-12");
  });

  test.each([
    ["mayfly-guest.service", "enabled"],
    ["mayfly-firewall.service", "enabled"],
    ["mayfly-grow.service", "enabled"],
    ["systemd-networkd.service", "enabled"],
    ["systemd-resolved.service", "enabled"],
    ["systemd-timesyncd.service", "enabled"],
    ["ssh.service", "masked"],
    ["apt-daily.timer", "masked"],
    ["apt-daily-upgrade.timer", "masked"],
    ["systemd-networkd-wait-online.service", "masked"],
    ["cloud-init.service", "masked"],
  ])("at boot %s is %s", async (unit, state) => {
    expect((await root.run(["systemctl", "is-enabled", unit])).stdout).toBe(state);
  });

  test("systemd understands our units", async () => {
    const { exitCode, all } = await root.run([
      "systemd-analyze",
      "verify",
      "mayfly-guest.service",
      "mayfly-firewall.service",
      "mayfly-grow.service",
    ]);

    expect(exitCode, all).toBe(0);
  });

  test.each(["debian", "vagrant"])("the stock image's account %s is gone, and what it had", async (user) => {
    expect((await root.run(["id", user])).exitCode).not.toBe(0);
    expect(await root.isThere(`home/${user}`)).toBe(false);
  });

  test("nobody has a password, and nobody gets sudo without one", async () => {
    const open = (await root.read("etc/shadow"))
      .split("\n")
      .filter((line) => line && !/^[^:]+:[!*]/.test(line));

    expect(open).toEqual([]);
    expect((await root.run(["grep", "-rl", "NOPASSWD", "/etc/sudoers", "/etc/sudoers.d"])).stdout).toBe("");
    expect((await root.run(["visudo", "--check"])).exitCode).toBe(0);
  });

  test.each([
    "root/.ssh",
    "root/.bash_history",
    "var/lib/cloud",
    "etc/netplan/50-cloud-init.yaml",
    "tmp/left",
    "etc/ssh/ssh_host_ed25519_key",
    "home/runner/actions-runner/_diag",
  ])("/%s is gone", async (path) => {
    expect(await root.isThere(path)).toBe(false);
  });

  test("it will be a machine of its own: no machine-id, no logs", async () => {
    expect(await root.read("etc/machine-id")).toBe("");
    expect(await root.read("var/log/auth.log")).toBe("");
  });

  // the firewall is the kernel's, which a chroot shares with this machine
  test("tests itself, and finds nothing but the firewall, which is not loaded here", async () => {
    const { stdout, exitCode } = await root.run(["/usr/local/lib/mayfly/self-test"]);

    expect(stdout).toBe("MAYFLY-SELFTEST failed: the firewall is not loaded");
    expect(exitCode).toBe(1);
  });
});

test("the last step overwrites licence, key and cloud-init's copies of them, before they are removed", async () => {
  const root = await openRoot();
  onTestFinished(root.close);
  // NB: a file that is open can be read when it was removed, as its disk can.
  const given = ["site.lic", "input.txt", "var/lib/cloud/instance/scripts/part-001"];
  const files = await Promise.all(
    given.map(async (path) => {
      await root.put(path, "a secret");
      const file = await open(join(root.folder, path));
      onTestFinished(() => file.close());
      return { path, file };
    }),
  );

  const { exitCode, all } = await root.step("90-clean.sh", {
    MATLAB_LICENSE_FILE: "/site.lic",
    MATLAB_INPUT_FILE: "/input.txt",
  });

  expect(exitCode, all).toBe(0);
  for (const { path, file } of files) {
    expect(await root.isThere(path), path).toBe(false);
    expect(await file.readFile("utf8"), path).not.toContain("secret");
  }
});

const { failed: hasNoLoop } = await execa("losetup", ["--find"], { reject: false });

describe.skipIf(hasNoLoop)("on a disk nothing is left of", () => {
  test.each([
    [
      "what was removed, when all that is free was overwritten",
      "rm /mnt/site.lic",
      "overwrite_free_space /mnt",
    ],
    ["a file that was overwritten itself", "true", "shred_files /mnt/site.lic"],
  ])("%s", async (_what, first, command) => {
    const folder = await mkdtemp(join(tmpdir(), "mayfly-disk-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await execa("truncate", ["--size=64M", join(folder, "disk")]);
    await execa("mkfs.ext4", ["-q", "-b", "4096", join(folder, "disk")]);

    await execa("unshare", ["--mount", "bash", "--norc", "-euc", onDisk(first, command)], {
      cwd: folder,
      env: { LIB: resolve("images/linux/lib.sh") },
    });

    expect(await readFile(join(folder, "before"), "utf8")).not.toBe("");
    expect((await readFile(join(folder, "disk"))).includes("SIGN=secret")).toBe(false);
    expect(await readFile(join(folder, "left"), "utf8")).toBe("lost+found\n");
  });
});

// NB: in one go: when a disk is mounted anew its file system begins to fill it elsewhere.
const onDisk = (first: string, command: string) => `
mount -o loop disk /mnt
yes SIGN=secret | head -n 700 >/mnt/site.lic
sync
${first}
sync
grep --text --max-count=1 SIGN=secret disk >before
source "$LIB"
${command}
sync
ls /mnt >left`;

describe("the self-test in an image", () => {
  test("finds that jobs may become root, unless the image is made for that", async () => {
    const root = await openRoot();
    onTestFinished(root.close);
    await root.step("10-base.sh", { MAYFLY_UPGRADE: "no" });
    for (const step of ["20-guest.sh", "30-runner.sh", "60-facts.sh"]) await root.step(step);
    await root.put("etc/sudoers.d/forgotten", "runner ALL=(ALL) NOPASSWD:ALL\n", 0o440);
    const before = await root.run(["/usr/local/lib/mayfly/self-test"]);

    await root.step("80-harden.sh", { MAYFLY_ALLOW_SUDO: "yes" });
    const allowed = await root.run(["/usr/local/lib/mayfly/self-test"]);
    await root.step("80-harden.sh");
    const closed = await root.run(["/usr/local/lib/mayfly/self-test"]);

    expect(before.stdout).toBe("MAYFLY-SELFTEST failed: the user runner may become root");
    expect(allowed.stdout).not.toContain("may become root");
    expect(await root.isThere("etc/sudoers.d/forgotten")).toBe(false);
    expect(closed.stdout).not.toContain("may become root");
    expect((await root.run(["sudo", "--list", "--other-user=runner"])).stdout).not.toContain("NOPASSWD");
  });
});

describe("the firewall", () => {
  test("lets root ask for the cloud's metadata, and nobody else", async () => {
    const { stdout } = await execa("unshare", ["--net", "bash", "--norc", "-c", METADATA], {
      env: { RULES: "images/linux/units/firewall.nft" },
    });

    expect(stdout.split("\n")).toEqual([
      "before: root 0 nobody 0",
      "after: root 0 nobody 7",
      "loaded twice: 0",
    ]);
  });
});

/** A cloud's metadata service, in a network of its own. */
const METADATA = `
ip link set lo up
ip address add 169.254.169.254/32 dev lo
node -e 'require("http").createServer((_, answer) => answer.end("a secret")).listen(80, "169.254.169.254", () => console.error("up"))' 2>/tmp/up.$$ &
trap 'kill $!; rm /tmp/up.$$' EXIT
until [[ -s /tmp/up.$$ ]]; do sleep 0.05; done
ask() { "$@" curl --silent --noproxy '*' --output /dev/null --max-time 5 http://169.254.169.254/; echo -n $?; }
as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
echo "before: root $(ask) nobody $(ask "\${as_nobody[@]}")"
nft --file "$RULES"
echo "after: root $(ask) nobody $(ask "\${as_nobody[@]}")"
nft --file "$RULES"
echo "loaded twice: $?"`;
