import { cp } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRoot, type Root } from "../images/root.ts";

const BOXES = resolve(import.meta.dirname, "../../vagrant/boxes");
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEstands vagrant\n";
const KEPT = {
  MAYFLY_UPGRADE: "no",
  MAYFLY_SSH: "keep",
  MAYFLY_KEEP_USERS: "vagrant",
  MAYFLY_VAGRANT_KEY: "/key",
};

let root: Root;

/** A stock Debian that becomes a box for VirtualBox: Vagrant's account first, then all steps of an image. */
beforeAll(async () => {
  root = await openRoot();
  await cp(BOXES, join(root.folder, "tmp/mayfly/vagrant/boxes"), { recursive: true });
  await root.put("key", KEY);
});

afterAll(() => root.close());

const giveAccount = () => root.run(["/tmp/mayfly/vagrant/boxes/vagrant-user.sh"], KEPT);

test("Vagrant's account is made, twice if need be, and outlives the steps that remove all others", async () => {
  const made = [await giveAccount(), await giveAccount()];
  const steps = await root.run(["/tmp/mayfly/images/linux/all.sh"], KEPT);

  expect(
    made.map(({ exitCode }) => exitCode),
    made[0]?.all,
  ).toEqual([0, 0]);
  expect(steps.exitCode, steps.all).toBe(0);
  expect(await root.read("home/vagrant/.ssh/authorized_keys")).toBe(KEY);
  const { stdout } = await root.run(["su", "vagrant", "-c", "sudo --non-interactive id -un"]);
  expect(stdout).toBe("root");
  expect(await root.read("etc/passwd")).not.toMatch(/^debian:/m);
});

test("the job's own user cannot become root for that", async () => {
  const { exitCode } = await root.run(["su", "runner", "-c", "sudo --non-interactive true"]);

  expect(exitCode).not.toBe(0);
});

test("SSH is on, without keys of its own, and makes them before it looks at its settings", async () => {
  const begins = (await root.read("etc/systemd/system/ssh.service.d/mayfly-keys.conf")).match(
    /^ExecStartPre=.*/gm,
  );

  expect(await root.isThere("etc/ssh/ssh_host_ed25519_key")).toBe(false);
  for (const line of begins ?? []) {
    const [, command = ""] = line.split("=");
    const { exitCode, all } = await root.run(["sh", "-c", `mkdir -p /run/sshd; ${command}`]);
    expect(exitCode, all).toBe(0);
  }
  expect(begins).toHaveLength(3);
  expect(await root.isThere("etc/ssh/ssh_host_ed25519_key")).toBe(true);
  expect((await root.run(["systemctl", "is-enabled", "ssh.service"])).stdout).toBe("enabled");
});

test("without a key no account is made", async () => {
  const { exitCode, all } = await root.run(["/tmp/mayfly/vagrant/boxes/vagrant-user.sh"], {
    MAYFLY_VAGRANT_KEY: "/none",
  });

  expect(exitCode).toBe(1);
  expect(all).toContain("MAYFLY_VAGRANT_KEY is no file");
});
