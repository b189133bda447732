import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Bench, openBench } from "./bench.ts";

// NB: up to forty calls of the stand-in, each a start of bash and of jq.
vi.setConfig({ testTimeout: 60_000 });

const FACTS = {
  mayfly_runner_version: "2.337.0",
  mayfly_built_at: "2026-11-27T03:00:00Z",
  mayfly_os: "debian-12",
};

const VARIABLES = {
  MAYFLY_FAMILY: "spinw",
  MAYFLY_BASE_IMAGE: "debian-12",
  MAYFLY_FLAVOR: "m1.small",
  MAYFLY_NETWORK: "mayfly",
};

/** A cloud whose servers build an image, and test themselves, with three old images and a current one. */
async function ready() {
  const bench = await openBench();
  for (const tag of ["old", "old", "old", "current"]) await bench.put({ tags: [`mayfly:spinw:${tag}`] });
  await bench.tell(
    "console",
    `MAYFLY-BUILD ok ${JSON.stringify(FACTS)}\nMAYFLY-SELFTEST ok runner=2.337.0 guest=1`,
  );
  await bench.tell("status", "SHUTOFF");
  return bench;
}

const rebuild = (bench: Bench, more: Record<string, string> = {}) =>
  bench.run("rebuild.sh", [], { env: { ...VARIABLES, HOME: bench.folder, XDG_STATE_HOME: "", ...more } });

const standing = async (bench: Bench) =>
  (await bench.has("image"))
    .sort((a, b) => a.created_at.localeCompare(b.created_at))
    .map(({ tags }) => tags.map((tag) => tag.replace("mayfly:spinw:", "")).join());

test("a rebuild tests its image and makes it current, and leaves two old images", async () => {
  const bench = await ready();

  const { exitCode, stderr } = await rebuild(bench);

  expect(exitCode, stderr).toBe(0);
  expect(await standing(bench)).toEqual(["old", "old", "current"]);
});

test("a rebuild that is not to promote leaves a candidate", async () => {
  const bench = await ready();

  await rebuild(bench, { MAYFLY_PROMOTE: "no", MAYFLY_KEEP: "1" });

  expect(await standing(bench)).toEqual(["old", "current", "candidate"]);
});

test("an image that fails its test is put away, and the oldest ones are deleted all the same", async () => {
  const bench = await ready();
  await bench.tell(
    "console",
    `MAYFLY-BUILD ok ${JSON.stringify(FACTS)}\nMAYFLY-SELFTEST failed: the disk has 3 MiB left`,
  );

  const { exitCode, stdout } = await rebuild(bench);

  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(await standing(bench)).toEqual(["old", "current", "old"]);
});

test("images do not pile up where none can be tried, and the newest stays the candidate", async () => {
  const bench = await ready();
  await bench.put({ tags: ["mayfly:spinw:candidate"] });
  await bench.tell("fail", "server create * mayfly-test-");

  const { exitCode, stderr } = await rebuild(bench);

  expect(exitCode).toBe(1);
  expect(stderr).toContain("could not be tried");
  expect(await standing(bench)).toEqual(["old", "current", "old", "candidate"]);
});

test("an image is not told an end that it does not have", async () => {
  const bench = await ready();

  await rebuild(bench, { MAYFLY_PROMOTE: "no" });

  const script = await readFile(join(bench.folder, "state/user-data"), "utf8");
  const archive = Buffer.from(/<<"END"[^\n]*\n([\s\S]*?)\nEND\n/.exec(script)?.[1] ?? "", "base64");
  const { stdout } = await execa("tar", ["-xzO", "./build"], { input: archive });
  expect(stdout).toContain("export MAYFLY_IMAGE_BUILD");
  expect(stdout).not.toContain("MAYFLY_EXPIRES_AT");
});

test("a runner that is long out is spoken of, and the image is built all the same", async () => {
  const releasedBefore = async (days: number) => {
    const bench = await ready();
    const day = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
    const lock = await bench.file("lock.json", JSON.stringify({ version: "2.337.0", released: day }));
    return rebuild(bench, { MAYFLY_RUNNER_LOCK: lock, MAYFLY_PROMOTE: "no" });
  };

  const [old, fresh] = [await releasedBefore(40), await releasedBefore(3)];

  expect([old.exitCode, fresh.exitCode]).toEqual([0, 0]);
  expect(old.stderr).toContain("was released 40 days ago");
  expect(fresh.stderr).not.toContain("days ago");
});

test("old images stay when the new one was not built", async () => {
  const bench = await ready();
  await bench.tell("console", "MAYFLY-BUILD failed: no space left");

  const { exitCode } = await rebuild(bench);

  expect(exitCode).toBe(1);
  expect(await standing(bench)).toEqual(["old", "old", "old", "current"]);
});

test("a new image that could be built counts, though an old one could not be deleted", async () => {
  const bench = await ready();
  const [oldest] = await bench.has("image");
  await bench.tell("keep", oldest?.id ?? "");

  const { exitCode, stderr } = await rebuild(bench);

  expect(exitCode).toBe(0);
  expect(stderr).toContain("not all old images are gone");
});

test("a second rebuild at the same time does nothing", async () => {
  const bench = await ready();
  await mkdir(join(bench.folder, ".local/state/mayfly"), { recursive: true });
  const lock = join(bench.folder, ".local/state/mayfly/rebuild.lock");
  const holder = spawn("flock", [lock, "sh", "-c", "echo held; exec sleep 60"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void holder.kill());
  await once(holder.stdout, "data");

  const { exitCode, stderr } = await rebuild(bench);

  expect(exitCode).toBe(1);
  expect(stderr).toContain("another rebuild is under way");
  expect(await bench.calls()).toEqual([]);
});

test("a word that nobody knows is refused before anything is done", async () => {
  const bench = await ready();

  const { exitCode, stderr } = await rebuild(bench, { MAYFLY_PROMOTE: "test" });

  expect(exitCode).toBe(1);
  expect(stderr).toContain("MAYFLY_PROMOTE is yes or no");
  expect(await bench.calls()).toEqual([]);
});

test("a user without a home folder is told so before anything is done", async () => {
  const bench = await ready();

  const { exitCode, stderr } = await rebuild(bench, { HOME: "/dev/null" });

  expect(exitCode).toBe(1);
  expect(stderr).toContain("The user's home folder must be there");
  expect(await bench.calls()).toEqual([]);
});

test("what is not set is said before anything is done", async () => {
  const bench = await ready();

  const { exitCode, stderr } = await rebuild(bench, { MAYFLY_NETWORK: "" });

  expect(exitCode).toBe(1);
  expect(stderr).toContain("MAYFLY_NETWORK is not set");
  expect(await bench.calls()).toEqual([]);
});
