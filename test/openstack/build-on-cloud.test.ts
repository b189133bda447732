import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { type Bench, openBench } from "./bench.ts";

const FACTS = {
  mayfly_runner_version: "2.337.0",
  mayfly_built_at: "2026-11-27T03:00:00Z",
  mayfly_os: "debian-12",
};
const DONE = `MAYFLY-BUILD ok ${JSON.stringify(FACTS)}`;
const ARGS = ["--family", "spinw", "--image", "debian-12", "--flavor", "m1.small", "--network", "mayfly"];

const build = (bench: Bench, args: readonly string[] = [], env: Record<string, string> = {}) =>
  bench.run("build-on-cloud.sh", [...ARGS, ...args], { env });

/** A cloud whose servers say this, and are off. */
async function whoseServerSays(...lines: string[]) {
  const bench = await openBench();
  await bench.tell("console", lines.join("\r\n"));
  await bench.tell("status", "SHUTOFF");
  return bench;
}

async function expectNothingLeft(bench: Bench): Promise<void> {
  for (const kind of ["server", "group", "image"] as const) expect(await bench.has(kind)).toEqual([]);
}

describe("a build on the cloud", () => {
  test("is the family's candidate, with all that it said of itself, and leaves nothing else", async () => {
    const bench = await whoseServerSays("booting", DONE);

    const { exitCode, stdout, stderr } = await build(bench);

    expect(exitCode, stderr).toBe(0);
    expect(await bench.has("image")).toMatchObject([
      {
        id: stdout,
        name: "mayfly-spinw-20261127T030000Z",
        tags: ["mayfly:spinw:candidate"],
        properties: FACTS,
      },
    ]);
    expect(await bench.has("server")).toEqual([]);
    expect(await bench.has("group")).toEqual([]);
  });

  test("hears what it said, though others write to the same console", async () => {
    const torn = `${DONE.slice(0, 40)}[  31.4] a message of the kernel${DONE.slice(40)}`;
    const bench = await whoseServerSays(torn, DONE, "more");

    expect((await build(bench)).exitCode).toBe(0);
  });

  test("uses a security group of its own, unless one is named", async () => {
    const own = await whoseServerSays(DONE);
    const named = await whoseServerSays(DONE);

    await build(own);
    await build(named, ["--security-group", "builds"]);

    const groupOf = async (bench: Bench) =>
      /--security-group (\S+)/.exec(
        (await bench.calls()).find((call) => call.startsWith("server create")) ?? "",
      )?.[1];
    expect(await groupOf(own)).toMatch(/^mayfly-build-[0-9a-f]{8}$/);
    expect(await groupOf(named)).toBe("builds");
    expect((await named.calls()).some((call) => call.startsWith("security group"))).toBe(false);
  });
});

describe("a build that goes wrong leaves nothing:", () => {
  test.each([
    ["a step fails", "MAYFLY-BUILD failed: 30-runner.sh: cannot download it", "cannot download it"],
    ["the server ends without a word", "login:", "did not say what came of the steps"],
    [
      "the image does not know its runner",
      'MAYFLY-BUILD ok {"mayfly_os":"debian-12"}',
      "mayfly_runner_version is not known",
    ],
  ])("%s", async (_what, line, says) => {
    const bench = await whoseServerSays(line);

    const { exitCode, stderr } = await build(bench);

    expect(exitCode).toBe(1);
    expect(stderr).toContain(says);
    await expectNothingLeft(bench);
  });

  test.each([
    ["the server is refused", "server create"],
    ["the security group is refused", "security group create"],
    ["the snapshot is refused", "server image create"],
    ["the properties are refused", "image set --property"],
    ["the tag is refused", "image set --tag"],
  ])("%s", async (_what, command) => {
    const bench = await whoseServerSays(DONE);
    await bench.tell("fail", command);

    const { exitCode } = await build(bench);

    expect(exitCode).toBe(1);
    await expectNothingLeft(bench);
  });

  test("the server is broken", async () => {
    const bench = await whoseServerSays("");
    await bench.tell("status", "ERROR");

    const { exitCode, stderr } = await build(bench);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("No valid host was found.");
    await expectNothingLeft(bench);
  });

  test.each(["console log show", "server image create", "server create"])(
    "it is interrupted at: %s",
    async (command) => {
      const bench = await whoseServerSays(DONE);
      await bench.tell("hang", command);
      const running = bench.run("build-on-cloud.sh", ARGS, { detached: true });
      await expect.poll(() => bench.hangs(), { timeout: 10_000 }).toBe(true);
      await bench.tell("hang", "");

      process.kill(-(running.pid ?? 0), "SIGTERM");
      const { exitCode } = await running;

      expect(exitCode).toBe(130);
      await expectNothingLeft(bench);
    },
  );
});

test("a name that is taken is refused before anything is made", async () => {
  const bench = await whoseServerSays(DONE);
  await bench.put({ name: "golden" });

  const { exitCode, stderr } = await build(bench, ["--name", "golden"]);

  expect(exitCode).toBe(1);
  expect(stderr).toContain("there is an image named golden already");
  expect((await bench.calls()).some((call) => call.startsWith("server create"))).toBe(false);
});

describe("the server's user data", () => {
  /** What cloud-init would run, and the folder that it unpacks. */
  async function unpacked(bench: Bench) {
    const script = await readFile(join(bench.folder, "state/user-data"), "utf8");
    const archive = /<<"END"[^\n]*\n([\s\S]*?)\nEND\n/.exec(script)?.[1] ?? "";
    const folder = join(bench.folder, "unpacked");
    await mkdir(folder);
    await execa("tar", ["-xz", "-C", folder], { input: Buffer.from(archive, "base64") });
    return { script, folder };
  }

  test("holds all steps, the guest and what runs them, and is small enough", async () => {
    const bench = await whoseServerSays(DONE);
    await build(bench);

    const { script, folder } = await unpacked(bench);

    expect(script.startsWith("#!/bin/bash\n")).toBe(true);
    expect(Buffer.from(script).toString("base64").length).toBeLessThan(65_535);
    const paths = ["images/linux/all.sh", "guest/linux/install-guest.sh", "guest/runner.lock.json"];
    for (const path of [...paths, "guest/unix/install-runner.sh"])
      expect(await readFile(join(folder, path), "utf8")).toBe(await readFile(path, "utf8"));
    const list = `eval "$(grep "^readonly programs=" install-guest.sh)"; ls "\${programs[@]}"`;
    const { stdout } = await execa("bash", ["-c", list], { cwd: join(folder, "guest/linux") });
    expect(stdout.split("\n")).toContain("../unix/mayfly-guest");
    await execa("bash", ["-n", join(folder, "build")]);
  });

  test("unpacks itself in memory, and not on the disk that becomes the image", async () => {
    const bench = await whoseServerSays(DONE);
    await build(bench);

    const { script } = await unpacked(bench);

    const lines = script.split("\n");
    const packed = lines.findIndex((line) => line.startsWith("base64 "));
    expect(lines.slice(0, packed)).toEqual([
      "#!/bin/bash",
      "umask 077",
      "mkdir /run/mayfly-build",
      "mount -t tmpfs -o mode=0700 tmpfs /run/mayfly-build",
      "TMPDIR=/run/mayfly-build",
    ]);
    expect(lines[packed]).toMatch(/--directory \/run\/mayfly-build$/);
    expect(lines.at(-2)).toBe("exec bash /run/mayfly-build/build");
    expect(script).not.toMatch(/ \/(var\/)?tmp/);
  });

  test("has the steps' variables, whatever is in them, and no other", async () => {
    const bench = await whoseServerSays(DONE);
    const odd = `gcc 'a"b' $(touch /tmp/never) \\`;
    await build(bench, [], {
      MAYFLY_PACKAGES: odd,
      MATLAB_RELEASE: "R2025b",
      OS_PASSWORD: "hunter2",
      MAYFLY_ROOT: "/x",
    });

    const { folder } = await unpacked(bench);

    const exports = (await readFile(join(folder, "build"), "utf8"))
      .split("\n")
      .filter((line) => line.startsWith("export "));
    const { stdout } = await execa("bash", ["-c", `${exports.join("\n")}\nprintf %s "$MAYFLY_PACKAGES"`]);
    expect(stdout).toBe(odd);
    expect(exports.map((line) => line.split(/[ =]/)[1])).toEqual([
      "MAYFLY_IMAGE_BUILD",
      "MAYFLY_COMMIT",
      "MATLAB_RELEASE",
      "MAYFLY_PACKAGES",
    ]);
  });

  test("has the files that are named, under names of its own", async () => {
    const bench = await whoseServerSays(DONE);
    const lock = await bench.file("lock.json", "{}");
    await build(bench, [], { MAYFLY_RUNNER_LOCK: lock });

    const { folder } = await unpacked(bench);

    expect(await readFile(join(folder, "files/MAYFLY_RUNNER_LOCK"), "utf8")).toBe("{}");
    expect(await readFile(join(folder, "build"), "utf8")).toContain(
      "export MAYFLY_RUNNER_LOCK=/run/mayfly-build/files/MAYFLY_RUNNER_LOCK\n",
    );
  });

  test("that would be too large is refused before anything is made", async () => {
    const bench = await whoseServerSays(DONE);
    const licence = await bench.file(
      "large.lic",
      Array.from({ length: 60_000 }, () => Math.random().toString(36)[2]).join(""),
    );

    const { exitCode, stderr } = await build(bench, [], { MATLAB_LICENSE_FILE: licence });

    expect(exitCode).toBe(1);
    expect(stderr).toContain("user data can have");
    expect((await bench.calls()).filter((call) => call.includes("create"))).toEqual([]);
  });
});
