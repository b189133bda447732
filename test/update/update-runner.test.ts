import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  archiveName,
  DOWNLOADS_LOCK,
  type DownloadsLock,
  faultsOfRunner,
  MEDIA_LOCK,
  type MediaLock,
  RUNNER_LOCK,
  type RunnerLock,
  SYSTEMS,
  writeLock,
} from "../../script/update/locks.ts";
import { note, openPublishers, type Publishers, runnerAssets, runnerRelease, sha256 } from "./publishers.ts";

const HERE = resolve(import.meta.dirname, "../..");
const LATEST = "api.github.com/repos/actions/runner/releases/latest";

let project: string;
let publishers: Publishers;

beforeEach(async () => {
  publishers = await openPublishers();
  onTestFinished(() => publishers.close());
  project = await scratchClone();
  publishers.pages.set(LATEST, JSON.stringify(runnerRelease("2.999.0")));
});

/** A work tree with the two files, and somebody who commits. */
async function scratchClone(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-update-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const path of [RUNNER_LOCK, DOWNLOADS_LOCK, MEDIA_LOCK]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(HERE, path), join(folder, path));
  }
  const git = execa({ cwd: folder });
  await git`git init --quiet --initial-branch main`;
  await git`git config user.name somebody`;
  await git`git config user.email somebody@example.org`;
  await git`git add .`;
  await git`git commit --quiet -m begin`;
  return folder;
}

const update = (...args: string[]) =>
  execa(join(HERE, "script/update-runner"), ["--project", project, "--through", publishers.url, ...args], {
    reject: false,
    env: { GITHUB_TOKEN: "a secret" },
  });

const git = async (...args: string[]): Promise<string> =>
  (await execa("git", ["-C", project, ...args])).stdout;

const read = <Lock>(path: string): Lock => JSON.parse(readFileSync(join(project, path), "utf8"));

describe("a newer runner", () => {
  test("is committed on a branch of its own: the version, and the digests of all archives", async () => {
    const { exitCode, stdout } = await update("--only", "runner");

    expect([exitCode, stdout]).toEqual([0, "images: runner 2.999.0"]);
    expect(await git("log", "--format=%D|%s", "main..")).toBe("HEAD -> update/pinned|images: runner 2.999.0");
    expect(await git("diff", "--name-only", "main..")).toBe(RUNNER_LOCK);
    expect(await git("status", "--porcelain")).toBe("");
    const committed: RunnerLock = JSON.parse(await git("show", `update/pinned:${RUNNER_LOCK}`));
    expect(faultsOfRunner(committed)).toEqual([]);
    expect([committed.version, committed.released]).toEqual(["2.999.0", "2026-12-01"]);
    for (const system of SYSTEMS) {
      const file = archiveName(system, "2.999.0");
      expect(committed.archives[system]).toEqual({ file, sha256: sha256(file) });
    }
  });

  test("says in the commit where the digests are from, in lines that this project's commits may have", async () => {
    await update("--only", "runner");

    const [title = "", , body] = (await git("log", "-1", "--format=%B")).split("\n");
    expect(title.length).toBeLessThanOrEqual(65);
    expect(body).toBe("runner 2.999.0: GitHub's digests of the assets, actions/runner v2.999.0");
  });

  test("is written and left to a person with --no-commit", async () => {
    await update("--only", "runner", "--no-commit");

    expect(await git("status", "--porcelain")).toBe(` M ${RUNNER_LOCK}`);
    expect(await git("branch", "--format=%(refname:short)")).toBe("main");
  });

  test("can be named, also when it is not the newest", async () => {
    publishers.pages.set(
      "api.github.com/repos/actions/runner/releases/tags/v2.998.0",
      JSON.stringify(runnerRelease("2.998.0")),
    );

    await update("--only", "runner", "--version", "2.998.0");

    expect(read<RunnerLock>(RUNNER_LOCK).version).toBe("2.998.0");
  });

  test("changes nothing when it is asked for again", async () => {
    await update("--only", "runner");
    const before = await git("rev-parse", "HEAD");

    const { exitCode, stdout } = await update("--only", "runner", "--branch", "again");

    expect([exitCode, stdout]).toEqual([0, "nothing is new"]);
    expect(await git("rev-parse", "HEAD")).toBe(before);
    expect(await git("branch", "--list", "again")).toBe("");
  });

  test("that is pinned already gets the day of its release right", async () => {
    await update("--only", "runner", "--no-commit");
    const before = read<RunnerLock>(RUNNER_LOCK);
    writeLock(project, RUNNER_LOCK, { ...before, released: "2026-11-30" });
    await git("commit", "--quiet", "--all", "--message", "a wrong day");

    await update("--only", "runner");

    expect(read<RunnerLock>(RUNNER_LOCK)).toEqual(before);
  });

  test("is downloaded and compared, if that is wanted", async () => {
    for (const { name, browser_download_url } of runnerAssets("2.999.0"))
      publishers.pages.set(browser_download_url.slice("https://".length), name);

    const { exitCode } = await update("--only", "runner", "--download");

    expect(exitCode).toBe(0);
    expect(publishers.asked.filter((path) => path.startsWith("github.com/"))).toHaveLength(SYSTEMS.length);
  });
});

test("a newer medium of Windows is committed in the form of its own lock, with all others as they were", async () => {
  const name = "CloudbaseInitSetup_9_9_9_x64.msi";
  const asset = {
    name,
    browser_download_url: `https://github.com/9.9.9/${name}`,
    digest: `sha256:${sha256("an msi")}`,
  };
  const before = read<MediaLock>(MEDIA_LOCK);
  publishers.pages.set(
    "api.github.com/repos/cloudbase/cloudbase-init/releases/latest",
    JSON.stringify({ tag_name: "9.9.9", assets: [asset] }),
  );

  const { stdout } = await update("--only", "runner", "cloudbase-init");

  expect(stdout).toBe("images: runner 2.999.0, cloudbase-init 9.9.9");
  expect(await git("diff", "--name-only", "main..")).toBe(`${RUNNER_LOCK}\n${MEDIA_LOCK}`);
  expect(read<MediaLock>(MEDIA_LOCK)).toEqual({
    ...before,
    "cloudbase-init": { version: "9.9.9", url: asset.browser_download_url, sha256: sha256("an msi") },
  });
});

describe("refused, with nothing written, is", () => {
  const released = (changes: Parameters<typeof runnerRelease>[1]) =>
    publishers.pages.set(LATEST, JSON.stringify(runnerRelease("2.999.0", changes)));
  const without = (system: string) => runnerAssets("2.999.0").filter(({ name }) => !name.includes(system));
  const withDigest = (system: string, digest: string | null) =>
    runnerAssets("2.999.0").map((asset) => (asset.name.includes(system) ? { ...asset, digest } : asset));

  const expectRefusal = async (says: string, ...args: string[]) => {
    const { exitCode, stderr } = await update("--only", "runner", ...args);

    expect(stderr).toContain(says);
    expect(exitCode).toBe(1);
    expect(await git("status", "--porcelain")).toBe("");
    expect(await git("branch", "--format=%(refname:short)")).toBe("main");
  };

  test.each(SYSTEMS)("a release without the archive for %s", async (system) => {
    released({ assets: without(system) });

    await expectRefusal(`has no ${archiveName(system, "2.999.0")}`);
  });

  test.each([null, "", "md5:0123", "sha256:", `sha256:${"z".repeat(64)}`])(
    "an archive whose digest is %j",
    async (digest) => {
      released({ assets: withDigest("win-x64", digest) });

      await expectRefusal(`${archiveName("win-x64", "2.999.0")} has the digest ${digest || "(none)"}`);
    },
  );

  test.each([null, ""])("a release whose day is %j", async (published_at) => {
    released({ published_at });

    await expectRefusal("the day of its release is missing");
  });

  test.each(SYSTEMS)("a release whose notes have no digest for %s", async (system) => {
    const { body } = runnerRelease("2.999.0");
    const others = body.split("\n").filter((line) => !line.includes(`BEGIN SHA ${system} `));
    released({ body: others.join("\n") });

    await expectRefusal(`have no digest for ${archiveName(system, "2.999.0")}`);
  });

  test("a release without notes", async () => {
    released({ body: "" });

    await expectRefusal("have no digest for");
  });

  test("a digest that is another than the release's notes say", async () => {
    released({ body: note("linux-x64", "0".repeat(64)) });

    await expectRefusal("and the release's notes say 0000");
  });

  test("an archive that is another than its digest says", async () => {
    for (const { name, browser_download_url } of runnerAssets("2.999.0"))
      publishers.pages.set(browser_download_url.slice("https://".length), name.replace("osx", "evil"));

    await expectRefusal("and GitHub says", "--download");
  });

  test("an older runner", async () => {
    publishers.pages.set(LATEST, JSON.stringify(runnerRelease("2.9.9")));

    await expectRefusal("2.9.9 is older than the runner that is pinned");
  });

  test("the pinned runner with other archives than it had", async () => {
    const { version } = read<RunnerLock>(RUNNER_LOCK);
    publishers.pages.set(LATEST, JSON.stringify(runnerRelease(version)));

    await expectRefusal("is no longer what is pinned");
  });

  test.each([{ draft: true }, { prerelease: true }, { tag_name: "v2.999.0-beta" }])(
    "a release that is not finished: %j",
    async (change) => {
      publishers.pages.set(LATEST, JSON.stringify({ ...runnerRelease("2.999.0"), ...change }));

      await expectRefusal("is no finished one");
    },
  );

  test("a thing that nobody knows", async () => {
    await expectRefusal("knows no gcc", "gcc");
  });
});

test("a file that somebody is at work on is not touched", async () => {
  await update("--only", "runner", "--no-commit");
  const before = await git("diff");
  publishers.pages.set(LATEST, JSON.stringify(runnerRelease("2.999.1")));

  const { exitCode, stderr } = await update("--only", "runner");

  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("is changed and not committed")]);
  expect(await git("diff")).toBe(before);
});

test("a branch that is there is not written over", async () => {
  await git("branch", "update/pinned");

  const { exitCode, stderr } = await update("--only", "runner");

  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("there is a branch update/pinned already")]);
  expect(await git("diff")).toBe("");
});

describe("a wrong --project is one sentence:", () => {
  const elsewhere = (folder: string, ...args: string[]) =>
    update("--only", "runner", "--project", folder, ...args);

  test.each([[[]], [["--no-commit"]]])("a folder of something else, %j", async (args) => {
    const { exitCode, stdout, stderr } = await elsewhere(join(project, "guest"), ...args);

    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^update-runner: \/\S+\/guest is no work tree of this project: it has no guest\/runner\.lock\.json, .*\. Give its folder with --project$/,
    );
  });

  test("a copy that is not git's", async () => {
    rmSync(join(project, ".git"), { recursive: true });

    const { exitCode, stdout, stderr } = await elsewhere(project);

    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^update-runner: git status does not work in \S+: fatal: not a git repository.*--no-commit$/,
    );
  });
});

test("that nothing could be looked at is not taken for nothing new", async () => {
  publishers.pages.clear();

  const { exitCode, stdout, stderr } = await update();

  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^update-runner: runner: .* answers 404$/m);
  expect(stderr).toMatch(
    /^update-runner: nothing could be looked at, so it is not known whether there is something new$/m,
  );
});

test("nothing new in a part is said of that part", async () => {
  const { version = "", url = "", digest = "" } = read<DownloadsLock>(DOWNLOADS_LOCK)["ubuntu-24.04"] ?? {};
  const index = "cloud-images.ubuntu.com/releases/noble";
  const name = url.split("/").at(-1);
  publishers.pages.clear();
  publishers.pages.set(`${index}/`, `<a href="release-${version}/">x</a>`);
  publishers.pages.set(
    `${index}/release-${version}/SHA256SUMS`,
    `${digest.replace("sha256:", "")} *${name}\n`,
  );

  const { exitCode, stdout } = await update("--only", "runner", "ubuntu-24.04");

  expect([exitCode, stdout]).toEqual([1, "nothing is new in what could be looked at"]);
});

test("GitHub's token is for GitHub only, and not for a mirror", async () => {
  await update("--only", "runner");

  expect(publishers.asked).toEqual([LATEST]);
  expect(publishers.credentials).toEqual([]);
});

test("what cannot be had keeps nothing else back, and is told", async () => {
  const { exitCode, stderr } = await update();

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/ubuntu-24\.04: .* answers 404/);
  expect(read<RunnerLock>(RUNNER_LOCK).version).toBe("2.999.0");
  expect(read<DownloadsLock>(DOWNLOADS_LOCK)).toEqual(
    JSON.parse(readFileSync(join(HERE, DOWNLOADS_LOCK), "utf8")),
  );
});
