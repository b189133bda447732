import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Command, CommandError, lastLines, printable, redact, run } from "../../src/drivers/exec.ts";

const sh = (script: string): Command => ["sh", "-c", script];
const options = (limitMs = 10_000) => ({ signal: AbortSignal.timeout(15_000), limitMs });

const errorOf = async (running: Promise<unknown>): Promise<CommandError> => {
  const error = await running.catch((reason: unknown) => reason);
  if (!(error instanceof CommandError)) throw new Error(`no CommandError: ${error}`);
  return error;
};

test("a command answers what it wrote to each stream", async () => {
  const output = await run(sh("echo out; echo err >&2"), options());

  expect(output).toEqual({ stdout: "out", stderr: "err" });
});

test("a command that fails tells its exit code and its last words", async () => {
  const error = await errorOf(run(sh("echo first; echo why >&2; exit 3"), options()));

  expect(error).toMatchObject({ exitCode: 3, isLate: false, said: "first\nwhy" });
  expect(error.message).toContain("exit code 3");
});

test("a command that is not there is an error that says so", async () => {
  const error = await errorOf(run(["no-such-command-anywhere"], options()));

  expect(error.message).toBe("no-such-command-anywhere: not found on this machine");
});

test("a command is ended when its time is up", async () => {
  const error = await errorOf(run(sh("echo begun; exec sleep 60"), options(300)));

  expect(error).toMatchObject({ isLate: true, said: "begun" });
  expect(error.message).toContain("no end after 0.3 s");
});

test("a command is ended when it is called off", async () => {
  const stop = new AbortController();
  const running = errorOf(run(sh("exec sleep 60"), { signal: stop.signal, limitMs: 60_000 }));

  stop.abort();

  expect((await running).message).toContain("it was called off");
});

test("what a command says is kept in a file that others cannot read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-exec-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const log = join(folder, "log");

  await run(sh("echo one"), { ...options(), log });
  await errorOf(run(sh("echo two; exit 1"), { ...options(), log }));

  expect(await readFile(log, "utf8")).toBe("$ sh -c echo one\none\n$ sh -c echo two; exit 1\ntwo\n");
  expect((await stat(log)).mode & 0o077).toBe(0);
});

test("a command sees PATH and what it is given, and no other variable of ours", async () => {
  process.env.MAYFLY_TEST_SECRET = "do-not-tell";
  onTestFinished(() => {
    delete process.env.MAYFLY_TEST_SECRET;
  });

  const { stdout } = await run(["env"], { ...options(), env: { GIVEN: "yes" } });

  expect(stdout).toMatch(/^PATH=/m);
  expect(stdout).toMatch(/^GIVEN=yes$/m);
  expect(stdout).not.toContain("do-not-tell");
});

test("control sequences of terminals are taken out, and progress on one line becomes lines", () => {
  expect(printable("\u001b[31mred\u001b[0m\r 10%\r\n\u0007end\tof it\u009b")).toBe("red\n 10%\nend\tof it");
});

test("the last lines are those that say something", () => {
  expect(lastLines("one\n\n  \ntwo\nthree\n\n", 2)).toBe("two\nthree");
});

test("each secret is starred out wherever it stands, and an empty one changes nothing", () => {
  expect(redact("a token-1 b token-1 c key", ["token-1", "key", ""])).toBe("a *** b *** c ***");
});
