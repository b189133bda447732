import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { TAKE_SEED } from "../../src/drivers/orchard/hand-over.ts";

/** What Orchard runs in a VM to take a seed, for real, with stand-ins for what macOS has. */

const SEED = JSON.stringify({
  machine: "mayfly-test-image-a2b3c4d5",
  url: "https://192.168.64.1:8443",
  ca: "-----BEGIN CERTIFICATE-----\nMII$(id)`id`\\\n'%s' {}\n-----END CERTIFICATE-----\n",
  token: "token-of-a2b3c4d5",
  lifeSeconds: 600,
});
const BROKEN = "the seed has broken off";
const NOT_TAKEN = "the guest program does not take its seed";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "mayfly-take-"));
  onTestFinished(() => rm(root, { recursive: true }));
  await mkdir(join(root, "bin"));
  await standIn("sudo", '[ "$1" = -n ] && shift && exec "$@"');
  await standIn("launchctl", STARTS_GUEST);
  await standIn("sleep", "exit 0");
});

describe("a VM of Orchard's", () => {
  test("takes its seed word for word, and nobody else there can read it", async () => {
    const { exitCode } = await take(`${SEED}\n`);

    expect(exitCode).toBe(0);
    expect(await readFile(join(root, "taken"), "utf8")).toBe(`${SEED}\n`);
    expect(await readFile(join(root, "mode"), "utf8")).toMatch(/^-rw-------/);
    expect((await stat(folder())).mode & 0o077).toBe(0);
    expect(await readdir(folder())).toEqual([]);
  });

  test.each([
    ["nothing", "", BROKEN],
    ["a half", SEED.slice(0, -30), BROKEN],
    ["a half that ends as a whole one", `${SEED.slice(0, SEED.indexOf("{}") + 2)}`, BROKEN],
    ["a whole one without its end of line", SEED, BROKEN],
  ])("takes no seed of which came %s, and says so", async (_, input, words) => {
    const { exitCode, said } = await take(input);

    expect({ exitCode, said }).toEqual({ exitCode: 1, said: `${words}\n` });
    expect(await readdir(folder())).toEqual([]);
    expect(await readdir(root)).not.toContain("taken");
  });

  test("that has no guest program says so, and keeps no seed", async () => {
    await standIn("launchctl", 'echo "Could not find service dev.mayfly.guest" >&2; exit 113');

    const { exitCode, said } = await take(`${SEED}\n`);

    expect(exitCode).toBe(1);
    expect(said).toBe(`Could not find service dev.mayfly.guest\n${NOT_TAKEN}\n`);
    expect(await readdir(folder())).toEqual([]);
  });

  test("whose guest gives up just then is handed the seed again", async () => {
    await standIn("launchctl", "exit 0");

    const first = await take(`${SEED}\n`);
    await standIn("launchctl", STARTS_GUEST);
    const second = await take(`${SEED}\n`);

    expect([first.exitCode, second.exitCode]).toEqual([1, 0]);
  });

  test("whose guest runs already has taken the seed, whatever launchctl says to that", async () => {
    await standIn("launchctl", `${STARTS_GUEST}\nexit 37`);

    expect((await take(`${SEED}\n`)).exitCode).toBe(0);
  });

  test("whose administrator may not become root says so", async () => {
    await standIn("sudo", 'echo "sudo: a password is required" >&2; exit 1');

    expect(await take(`${SEED}\n`)).toEqual({ exitCode: 1, said: "sudo: a password is required\n" });
  });

  test("shows nothing of the seed in what it says", async () => {
    await standIn("launchctl", "exit 113");

    const { said } = await take(`${SEED}\n`);

    expect(said).not.toContain("token-of");
  });
});

/** The guest reads the seed, and wipes it, as guest/macos/seed.sh does. */
const STARTS_GUEST = `cd "\${0%/*}/.."
[ "$*" = "kickstart system/dev.mayfly.guest" ] || exit 64
ls -l var/db/mayfly/seed.json >mode
mv var/db/mayfly/seed.json taken`;

const folder = () => join(root, "var/db/mayfly");

async function standIn(name: string, lines: string): Promise<void> {
  await writeFile(join(root, "bin", name), `#!/bin/sh\n${lines}\n`);
  await chmod(join(root, "bin", name), 0o755);
}

/** As a shell of the VM's administrator runs it. */
async function take(input: string): Promise<{ exitCode: unknown; said: string }> {
  const command = TAKE_SEED.replaceAll("/var/db", join(root, "var/db"));
  const PATH = `${join(root, "bin")}${delimiter}${process.env.PATH}`;
  const shell = spawn("/bin/sh", ["-c", command], { env: { PATH }, stdio: ["pipe", "ignore", "pipe"] });
  // NB: one that ends early reads nothing
  shell.stdin.on("error", () => undefined).end(input);
  const [said, [exitCode]] = await Promise.all([text(shell.stderr), once(shell, "close")]);
  return { exitCode, said };
}
