import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Bench, openBench } from "./bench.ts";

const GOOD = "MAYFLY-SELFTEST ok runner=2.337.0 guest=1 os=debian-12";

/** A cloud with a current image and a candidate, of which the candidate says this. */
async function withCandidate(says: string) {
  const bench = await openBench();
  const current = await bench.put({ tags: ["mayfly:spinw:current"] });
  const candidate = await bench.put({ tags: ["mayfly:spinw:candidate"] });
  await bench.tell("console", `[    3.1] mayfly: booting\n[    4.2] ${says}`);
  return { bench, current, candidate };
}

const ARGS = [
  "--family",
  "spinw",
  "--flavor",
  "m1.small",
  "--network",
  "mayfly",
  "--security-group",
  "mayfly",
];
const testImage = (bench: Bench, ...more: string[]) =>
  bench.run("test-image.sh", [...ARGS, ...more], { env: { MAYFLY_MINUTE_SECONDS: "1" } });

/** Tags by image, oldest first. */
const tags = async (bench: Bench) =>
  (await bench.has("image")).sort((a, b) => a.id.localeCompare(b.id)).map((image) => image.tags);

describe("a candidate that is well", () => {
  test("is the current image afterwards, and the one before is put away", async () => {
    const { bench, candidate } = await withCandidate(GOOD);

    const { exitCode, stdout } = await testImage(bench);

    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: candidate.id });
    expect(await tags(bench)).toEqual([["mayfly:spinw:old"], ["mayfly:spinw:current"]]);
    expect(await bench.has("server")).toEqual([]);
  });

  test("was booted as a machine is, and told to test itself", async () => {
    const { bench, candidate } = await withCandidate(GOOD);

    await testImage(bench);

    const [made] = (await bench.calls()).filter((call) => call.startsWith("server create"));
    expect(made).toContain(`--flavor m1.small --network mayfly --image ${candidate.id}`);
    expect(made).toContain("--config-drive True --security-group mayfly");
    expect(await readFile(join(bench.folder, "state/user-data"), "utf8")).toBe("MAYFLYSELFTEST1\n");
  });

  test("is current before the older one is no longer, and says whose place it takes", async () => {
    const { bench, candidate, current } = await withCandidate(GOOD);

    await testImage(bench);

    const calls = await bench.calls();
    const takes = calls.findIndex((call) => call.startsWith("image set --tag mayfly:spinw:current"));
    expect(calls[takes]).toContain(`--property mayfly_replaces=${current.id}`);
    expect(calls[takes]?.endsWith(candidate.id)).toBe(true);
    expect(calls[takes + 1]).toBe(`image unset --tag mayfly:spinw:current ${current.id}`);
    const after = (await bench.has("image")).map(({ properties }) => properties.mayfly_replaces);
    expect(after).toEqual(["", ""]);
  });

  test("whose promotion was cut short is promoted by the next test", async () => {
    const { bench, candidate } = await withCandidate(GOOD);
    await bench.tell("fail", "image unset");
    expect(await testImage(bench)).toMatchObject({ exitCode: 1 });
    expect((await tags(bench)).every((of) => of.includes("mayfly:spinw:current"))).toBe(true);
    await bench.tell("fail", "");

    const { stdout } = await testImage(bench);

    expect(stdout).toBe(candidate.id);
    expect(await tags(bench)).toEqual([["mayfly:spinw:old"], ["mayfly:spinw:current"]]);
  });

  test("is promoted to the end though tags are gone when they are to be taken", async () => {
    const { bench, candidate } = await withCandidate(GOOD);
    await bench.tell("lost", "image unset");

    const { exitCode, stdout, stderr } = await testImage(bench);

    expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 0, stdout: candidate.id });
    expect(await tags(bench)).toEqual([["mayfly:spinw:old"], ["mayfly:spinw:current"]]);
  });

  test("is the current one when there was none before", async () => {
    const bench = await openBench();
    await bench.put({ tags: ["mayfly:spinw:candidate"] });
    await bench.tell("console", GOOD);

    await testImage(bench);

    expect(await tags(bench)).toEqual([["mayfly:spinw:current"]]);
  });
});

describe("a candidate that is not well is put away, and the current image stays:", () => {
  test.each([
    [
      "it finds a fault",
      "MAYFLY-SELFTEST failed: runner may become root",
      undefined,
      "runner may become root",
    ],
    [
      "its runner is not the one its properties tell",
      "MAYFLY-SELFTEST ok runner=2.336.0 guest=1",
      undefined,
      "not the one",
    ],
    ["it powers off and says nothing", "login:", "SHUTOFF", "said nothing"],
    ["it runs and says nothing", "login:", "ACTIVE", "said nothing within 2 minutes"],
  ])("%s", async (_what, says, status, told) => {
    const { bench, candidate } = await withCandidate(says);
    if (status) await bench.tell("status", status);

    const { exitCode, stderr } = await testImage(bench, "--minutes", "2");

    expect(exitCode).toBe(2);
    expect(stderr).toContain(told);
    expect(await tags(bench)).toEqual([["mayfly:spinw:current"], ["mayfly:spinw:old"]]);
    const after = (await bench.has("image")).find(({ id }) => id === candidate.id);
    expect(after?.properties.mayfly_test).toContain("failed");
    expect(await bench.has("server")).toEqual([]);
  });
});

describe("a candidate that could not be tried stays one, and nothing is left:", () => {
  test.each([
    ["the cloud refuses the server", "fail", "server create", "the cloud made no server"],
    ["the server is broken", "status", "ERROR", "No valid host was found."],
    ["the server does not start", "status", "BUILD", "the server did not start"],
    ["the cloud does not say how the server is", "fail", "server show", "the server did not start"],
    ["the console cannot be read", "fail", "console log show", "did not show the server's console"],
    ["the console has no text", "console", " \n", "there was no text on it"],
  ] as const)("%s", async (_what, file, text, told) => {
    const { bench } = await withCandidate("nothing yet");
    await bench.tell(file, text);

    const { exitCode, stderr } = await testImage(bench, "--minutes", "2");

    expect(exitCode).toBe(1);
    expect(stderr).toContain(told);
    expect(await tags(bench)).toEqual([["mayfly:spinw:current"], ["mayfly:spinw:candidate"]]);
    expect(await bench.has("server")).toEqual([]);
  });

  test("the server has powered itself off, and its console has no text", async () => {
    const { bench } = await withCandidate("nothing yet");
    await bench.tell("console", "");
    await bench.tell("status", "SHUTOFF");

    const { exitCode, stderr } = await testImage(bench);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("there was no text on it");
    expect(await tags(bench)).toEqual([["mayfly:spinw:current"], ["mayfly:spinw:candidate"]]);
  });

  test("the cloud does not tell which runner it should have", async () => {
    const { bench } = await withCandidate(GOOD);
    await bench.tell("fail", "image show");

    const { exitCode, stderr } = await testImage(bench);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("does not tell the image's properties");
    expect(await tags(bench)).toEqual([["mayfly:spinw:current"], ["mayfly:spinw:candidate"]]);
  });

  test("the test is interrupted while the server is being made", async () => {
    const { bench } = await withCandidate(GOOD);
    await bench.tell("hang", "console log show");
    const running = bench.run("test-image.sh", ARGS, { detached: true });
    await expect.poll(() => bench.hangs(), { timeout: 10_000 }).toBe(true);
    await bench.tell("hang", "");

    process.kill(-(running.pid ?? 0), "SIGTERM");
    const { exitCode } = await running;

    expect(exitCode).toBe(130);
    expect(await tags(bench)).toEqual([["mayfly:spinw:current"], ["mayfly:spinw:candidate"]]);
    expect(await bench.has("server")).toEqual([]);
  });
});

test("no candidate is an exit code of its own, and no server is made", async () => {
  const bench = await openBench();
  await bench.put({ owner: "2".repeat(32), tags: ["mayfly:spinw:candidate"] });

  const { exitCode } = await testImage(bench);

  expect(exitCode).toBe(3);
  expect((await bench.calls()).filter((call) => call.startsWith("server"))).toEqual([]);
});

test("two candidates are not chosen from", async () => {
  const { bench } = await withCandidate(GOOD);
  await bench.put({ tags: ["mayfly:spinw:candidate"] });

  const { exitCode, stderr } = await testImage(bench);

  expect(exitCode).toBe(1);
  expect(stderr).toContain("has 2 candidates");
});
