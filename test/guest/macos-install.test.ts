import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SYSTEMS } from "../../src/core/systems.ts";
import { standIn } from "./systems.ts";
import { isRoot } from "./vm.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "mayfly-mac-"));
  await mkdir(join(root, "watch"));
  await standIn(root, "id", `[[ -d "${root}/Users/runner" ]]`);
  await standIn(root, "dscl", `[[ $2 != -list ]] || printf '%s\\n' 'admin   501' 'other   600'`);
  await standIn(root, "createhomedir", `mkdir -p "${root}/Users/runner"`);
  await standIn(root, "plutil", "");
});
afterEach(() => rm(root, { recursive: true }));

const PLIST = "Library/LaunchDaemons/dev.mayfly.guest.plist";
const inVm = (path: string) => join(root, path);
const install = () =>
  execa("guest/macos/install-guest.sh", {
    reject: false,
    env: { MAYFLY_ROOT: root, PATH: `${root}/watch:${process.env.PATH}` },
  });
const commands = () => readFile(inVm("watch/log"), "utf8");

// It asks whether it is root.
describe.skipIf(!isRoot)("the guest's installation on macOS", () => {
  test("puts the program and its job where macOS looks for them, for root alone to change", async () => {
    const { exitCode, stderr } = await install();

    expect(stderr).toContain("is installed");
    expect(exitCode).toBe(0);
    expect((await stat(inVm(SYSTEMS.macos.program))).mode & 0o777).toBe(0o755);
    expect((await stat(inVm("var/db/mayfly"))).mode & 0o777).toBe(0o700);
    const { mode, uid } = await stat(inVm(PLIST));
    expect({ mode: mode & 0o777, uid }).toEqual({ mode: 0o644, uid: 0 });
  });

  test("makes a user who has no password, is no administrator, and takes nobody's number", async () => {
    await install();

    const said = await commands();
    expect(said).toContain("dscl . -create /Users/runner UniqueID 601");
    expect(said).toContain("dscl . -create /Users/runner PrimaryGroupID 20");
    expect(said).not.toMatch(/-passwd|admin|AuthenticationAuthority/);
  });

  test("done twice leaves the user alone", async () => {
    await install();
    const before = (await commands()).match(/^dscl/gm)?.length;

    const { exitCode } = await install();

    expect(exitCode).toBe(0);
    expect((await commands()).match(/^dscl/gm)?.length).toBe(before);
  });

  test("stops if launchd would not understand the job", async () => {
    await standIn(root, "plutil", "exit 1");

    const { exitCode, stderr } = await install();

    expect(exitCode).toBe(1);
    expect(stderr).toContain("launchd would not understand");
  });
});

describe("the job of launchd", () => {
  const entries = async () => {
    const text = await readFile("guest/macos/dev.mayfly.guest.plist", "utf8");
    return new Map(
      [...text.matchAll(/<key>(\w+)<\/key>\s*<(?:(true|false)\/|string>([^<]*)|integer>(\d+))/g)].map(
        ([, key = "", truth, string, integer]) => [key, truth ?? string ?? integer],
      ),
    );
  };

  test("starts with the system, and lets the limit of the machine's life outlive the program", async () => {
    const job = await entries();

    expect(job.get("RunAtLoad")).toBe("true");
    expect(job.get("AbandonProcessGroup")).toBe("true");
    expect(job.has("KeepAlive")).toBe(false);
  });

  test("runs the program that the table of systems names", async () => {
    const text = await readFile("guest/macos/dev.mayfly.guest.plist", "utf8");

    expect(text).toContain(`<string>/bin/bash</string>\n      <string>${SYSTEMS.macos.program}</string>`);
  });
});
