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
  await standIn("launchctl", LAUNCHCTL);
  await standIn("sleep", "exit 0");
});

describe("the installation of a Mac", () => {
  test("installs the program, its timer, and the key for nothing but the program", async () => {
    await install("lab", `${KEY} somebody@somewhere`, "192.168.7.20", "10.1.2.0/24");

    const target = join(root, "usr/local/lib/mayfly");
    expect(await readFile(keys, "utf8")).toBe(
      `command="${target}/mayfly-tart lab 86400 192.168.7.20/32,10.1.2.0/24",restrict ${KEY} mayfly lab\n`,
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

  test("puts new addresses and hours in the place of the old ones", async () => {
    await install("lab", KEY, "192.168.7.20");

    await installWith({ LIFE_HOURS: "2" }, "lab", KEY);

    expect(await readFile(keys, "utf8")).toMatch(/^command="\S+\/mayfly-tart lab 7200 ",restrict .*\n$/);
  });

  test("waits for launchd, which is still taking the old timer away", async () => {
    await writeFile(join(root, "busy"), "...");

    await install("lab", KEY);

    expect(await readFile(join(root, "busy"), "utf8")).toBe("");
  });

  test("lets the key in although launchd takes no timer, says so, and can be repeated", async () => {
    await writeFile(join(root, "busy"), ".".repeat(1000));
    const failing = install("lab", KEY);
    await expect(failing).rejects.toThrow(
      /launchd does not take the timer: Bootstrap failed: 5.*Log in on the Mac's screen/,
    );
    const once = await readFile(keys, "utf8");
    await rm(join(root, "busy"));

    await install("lab", KEY);

    expect(once).toContain(KEY);
    expect(await readFile(keys, "utf8")).toBe(once);
    expect(await readFile(join(root, "launchctl-calls"), "utf8")).toMatch(/bootstrap .*\n$/);
  });

  test("that was killed before it had let the key in can be repeated", async () => {
    await standIn("mv", 'kill -KILL "$PPID"');
    await expect(install("lab", KEY)).rejects.toThrow("SIGKILL");
    await rm(join(root, "bin/mv"));

    await install("lab", KEY);

    expect((await readFile(keys, "utf8")).split("\n")).toHaveLength(2);
  });

  test("says how it is used, and changes nothing", async () => {
    const { stdout } = await install("--help");

    expect(stdout).toMatch(/^Purpose: makes this Mac a host[\s\S]*\nInput: the controller's name/);
    await expect(stat(keys)).rejects.toThrow();
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
    ["a name with a dot", ".lock", KEY, "is no name of a controller"],
    ["a key of another kind", "lab", "ssh-rsa AAAA", "no public key of the kind ssh-ed25519"],
    ["a key with options of its own", "lab", `command="id" ${KEY}`, "no public key of the kind"],
    ["a private key", "lab", "-----BEGIN OPENSSH PRIVATE KEY-----", "no public key of the kind"],
  ])("refuses %s, and changes nothing", async (_, name, key, words) => {
    await expect(install(name, key)).rejects.toThrow(words);

    await expect(stat(keys)).rejects.toThrow();
  });

  test.each(["licence.lab", "10.1.2.3/", '10.1.2.3" id "', "10.1.2.3,10.0.0.0/8", "--help", ""])(
    "refuses what is no address: %s",
    async (address) => {
      await expect(install("lab", KEY, "10.9.9.9", address)).rejects.toThrow("is no IPv4 address");

      await expect(stat(keys)).rejects.toThrow();
    },
  );

  test.each(["0", "a day", "1000", "1\n2"])("refuses hours that are none: %s", async (hours) => {
    await expect(installWith({ LIFE_HOURS: hours }, "lab", KEY)).rejects.toThrow("must be a number of hours");

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

/** Fails as often as `busy` has dots, as launchd does for some seconds after it was asked to take a job away. */
const LAUNCHCTL = `cd "\${0%/*}/.."
echo "$*" >>launchctl-calls
[ "$1" = bootstrap ] && [ -s busy ] || exit 0
busy=$(cat busy)
printf %s "\${busy#.}" >busy
echo "Bootstrap failed: 5: Input/output error" >&2
exit 5`;

async function standIn(name: string, text: string): Promise<void> {
  await writeFile(join(root, "bin", name), `#!/bin/sh\n${text}\n`);
  await chmod(join(root, "bin", name), 0o755);
}

const install = (...words: string[]) => installWith({}, ...words);

const installWith = (env: Record<string, string>, ...words: string[]) =>
  execa(join(HOST, "install-host.sh"), words, {
    env: {
      ...env,
      HOME: join(root, "home"),
      MAYFLY_ROOT: root,
      MAYFLY_SUDO: "env",
      PATH: `${join(root, "bin")}${delimiter}${process.env.PATH}`,
    },
  });
