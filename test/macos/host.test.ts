import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

/** `macos/host/install-host.sh`, as far as it can be run without a Mac: launchctl and sudo are stand-ins. */

const HOST = join(import.meta.dirname, "../../macos/host");
const KEY = `ssh-ed25519 ${"A".repeat(64)}KEY1`;
const OTHER = `ssh-ed25519 ${"A".repeat(64)}KEY2`;

let root: string;
let keys: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "mayfly-mac-host-"));
  onTestFinished(() => rm(root, { recursive: true }));
  keys = join(root, "home/.ssh/authorized_keys");
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "home"));
  await writeFile(join(root, "bin/launchctl"), `#!/bin/sh\necho "$*" >>${join(root, "launchctl-calls")}\n`);
  await chmod(join(root, "bin/launchctl"), 0o755);
});

describe("the installation of a Mac", () => {
  test("installs the program, its timer, and the key for nothing but the program", async () => {
    await install("lab", `${KEY} somebody@somewhere`);

    const target = join(root, "usr/local/lib/mayfly");
    expect(await readFile(keys, "utf8")).toBe(
      `command="${target}/mayfly-tart lab",restrict ${KEY} mayfly lab\n`,
    );
    for (const program of ["mayfly-tart", "records.sh"])
      expect(await readFile(join(target, program))).toEqual(await readFile(join(HOST, program)));
    expect((await stat(keys)).mode & 0o777).toBe(0o600);
    expect(await readFile(join(root, "launchctl-calls"), "utf8")).toContain(
      `bootstrap gui/${process.getuid?.()} ${root}/home/Library/LaunchAgents/dev.mayfly.tart-reaper.plist`,
    );
  });

  test("twice is the same as once, and other keys stay as they are", async () => {
    await mkdir(join(root, "home/.ssh"));
    await writeFile(keys, `${OTHER} operator\n`);
    await install("lab", KEY);
    const once = await readFile(keys, "utf8");

    await install("lab", KEY);

    expect(await readFile(keys, "utf8")).toBe(once);
    expect(once).toMatch(/^ssh-ed25519 \S+KEY2 operator\ncommand=.*KEY1 mayfly lab\n$/);
  });

  test("puts a new key in the place of the controller's old one, and not of another controller's", async () => {
    await install("lab", KEY);
    await install("lab2", OTHER);

    await install("lab", KEY.replace("KEY1", "KEY3"));

    const lines = (await readFile(keys, "utf8")).trim().split("\n");
    expect(lines.map((line) => line.replace(/^.*(KEY\d)/, "$1"))).toEqual([
      "KEY2 mayfly lab2",
      "KEY3 mayfly lab",
    ]);
  });

  test("takes a key from a file", async () => {
    const file = join(root, "mac.pub");
    await writeFile(file, `${KEY} mayfly`);

    await install("lab", file);

    expect(await readFile(keys, "utf8")).toContain(KEY);
  });

  test.each([
    ["a name that is none", "lab x", KEY, "is no name of a controller"],
    ["a name with a command in it", 'lab" id "', KEY, "is no name of a controller"],
    ["a key of another kind", "lab", "ssh-rsa AAAA", "no public key of the kind ssh-ed25519"],
    ["a key with options of its own", "lab", `command="id" ${KEY}`, "no public key of the kind"],
    ["a private key", "lab", "-----BEGIN OPENSSH PRIVATE KEY-----", "no public key of the kind"],
  ])("refuses %s, and changes nothing", async (_, name, key, words) => {
    await expect(install(name, key)).rejects.toThrow(words);

    await expect(stat(keys)).rejects.toThrow();
  });

  test("refuses a key that opens a shell already", async () => {
    await mkdir(join(root, "home/.ssh"));
    await writeFile(keys, `${KEY} operator\n`);

    await expect(install("lab", KEY)).rejects.toThrow("has this key in another line already");

    expect(await readFile(keys, "utf8")).toBe(`${KEY} operator\n`);
  });
});

test("the timer calls the program where it is installed, once a minute", async () => {
  const plist = await readFile(join(HOST, "dev.mayfly.tart-reaper.plist"), "utf8");

  expect(plist).toMatch(
    /<string>\/bin\/bash<\/string>\s*<string>\/usr\/local\/lib\/mayfly\/mayfly-tart<\/string>\s*<string>--reap<\/string>/,
  );
  expect(plist).toMatch(/<key>StartInterval<\/key>\s*<integer>60<\/integer>/);
});

const install = (...words: string[]) =>
  execa(join(HOST, "install-host.sh"), words, {
    env: {
      HOME: join(root, "home"),
      MAYFLY_ROOT: root,
      MAYFLY_SUDO: "env",
      PATH: `${join(root, "bin")}${delimiter}${process.env.PATH}`,
    },
  });
