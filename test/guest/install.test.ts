import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildStandIn, type StandIn } from "../rig/runner/build.ts";
import { MACOS, SUDO, standIn } from "./systems.ts";
import { isRoot } from "./vm.ts";

const SYSTEMS = [
  { system: "linux", platform: "linux", folder: "home/runner/actions-runner" },
  { system: "macos", platform: "osx", folder: MACOS.runner },
];

// It gives files to another user, so only root can try it.
describe.skipIf(!isRoot).each(SYSTEMS)(
  "the runner's installation on $system",
  ({ system, platform, folder }) => {
    let root: string;
    let archive: StandIn;

    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), "mayfly-install-"));
      await execa("chmod", ["755", root]);
      await mkdir(dirname(join(root, folder)), { recursive: true });
      await mkdir(join(root, "watch"));
      await standIn(root, "plutil", `jq -er --arg path "$2" 'getpath($path / ".") // empty' "\${@: -1}"`);
      await standIn(root, "sudo", SUDO);
      archive = await buildStandIn(join(root, "mirror"), undefined, platform);
    });
    afterEach(() => rm(root, { recursive: true }));

    const install = (changes: Record<string, string> = {}) =>
      execa(`guest/${system}/install-runner.sh`, {
        reject: false,
        env: {
          PATH: `${root}/watch:${process.env.PATH}`,
          MAYFLY_ROOT: root,
          MAYFLY_USER: "nobody",
          MAYFLY_RUNNER_MIRROR: `file://${archive.folder}`,
          MAYFLY_RUNNER_LOCK: archive.lock,
          ...changes,
        },
      });

    const runner = () => join(root, folder);
    const installedVersion = () => readFile(join(root, "etc/mayfly/runner-version"), "utf8");

    test("puts the pinned runner in place, for its user, and writes its version down", async () => {
      const { exitCode, stderr } = await install();

      expect(stderr).toContain("is installed");
      expect(exitCode).toBe(0);
      expect(await installedVersion()).toBe(`${archive.version}\n`);
      expect((await stat(join(runner(), "bin/Runner.Listener"))).uid).not.toBe(0);
      await expect(stat(join(runner(), "_diag"))).rejects.toThrow();
    });

    test("done twice does nothing the second time", async () => {
      await install();
      await writeFile(join(runner(), "kept"), "");

      const { exitCode, stderr } = await install({ MAYFLY_RUNNER_MIRROR: "file:///nowhere" });

      expect(exitCode).toBe(0);
      expect(stderr).toContain("is installed already");
      expect((await stat(join(runner(), "kept"))).size).toBe(0);
    });

    test("replaces another version", async () => {
      await install();
      const newer = await buildStandIn(join(root, "newer"), "2.999.0-standin", platform);

      await install({ MAYFLY_RUNNER_MIRROR: `file://${newer.folder}`, MAYFLY_RUNNER_LOCK: newer.lock });

      expect(await installedVersion()).toBe("2.999.0-standin\n");
    });

    test("refuses an archive that is not the pinned one, and leaves nothing of it", async () => {
      await writeFile(join(archive.folder, archive.file), "something else");

      const { exitCode, stderr } = await install();

      expect(exitCode).toBe(1);
      expect(stderr).toContain("was not installed");
      await expect(stat(runner())).rejects.toThrow();
      await expect(installedVersion()).rejects.toThrow();
    });

    test.each([
      ["has no digest", { version: "1", archives: { "linux-x64": { file: "a" }, "osx-x64": { file: "a" } } }],
      ["knows no such system", { version: "1", archives: {} }],
    ])("refuses a lock file that %s", async (_what, lock) => {
      await writeFile(archive.lock, JSON.stringify(lock));

      const { exitCode, stderr } = await install();

      expect(exitCode).toBe(1);
      expect(stderr).toContain("has no file with a SHA-256");
    });

    test("says where it could not download from", async () => {
      const { exitCode, stderr } = await install({ MAYFLY_RUNNER_MIRROR: "file:///nowhere" });

      expect(exitCode).toBe(1);
      expect(stderr).toContain("cannot download file:///nowhere/");
    });
  },
);
