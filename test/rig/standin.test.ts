import { cp, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type JobService, startJobService } from "../guest/job-service.ts";

const LAYOUT = fileURLToPath(new URL("runner/layout", import.meta.url));

let folder: string;
let service: JobService;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "mayfly-standin-")), "runner");
  await cp(LAYOUT, folder, { recursive: true });
  service = await startJobService("standin");
});
afterEach(async () => {
  await service.close();
  await rm(join(folder, ".."), { recursive: true });
});

const run = (program: string, args: string[], env: Record<string, string> = {}) =>
  execa(join(folder, program), args, { reject: false, env, extendEnv: false, timeout: 15_000 });

const path = process.env.PATH ?? "";
const listen = (env: Record<string, string> = {}) =>
  run("bin/Runner.Listener", ["run"], { PATH: path, ACTIONS_RUNNER_INPUT_JITCONFIG: service.jit, ...env });
const isThere = (file: string) =>
  stat(join(folder, file)).then(
    () => true,
    () => false,
  );

describe("the stand-in runner", () => {
  test("tells its version, and warms up", async () => {
    expect((await run("bin/Runner.Listener", ["--version"], { PATH: path })).stdout).toBe("2.337.0-standin");
    expect((await run("bin/Runner.Listener", ["warmup"], { PATH: path })).exitCode).toBe(0);
  });

  test("tells a job's result only to those that ask for it", async () => {
    service.give({ script: "exit 1" });

    expect((await listen()).exitCode).toBe(0);
  });

  test("removes its configuration after the job, and leaves the traces of one", async () => {
    service.give({ script: "true" });

    const { exitCode, stdout } = await listen({ ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED: "true" });

    expect(exitCode).toBe(100);
    expect(stdout).toMatch(
      /Listening for Jobs[\s\S]*Running job: build[\s\S]*Job completed with result: Succeeded/,
    );
    for (const file of [".runner", ".credentials", ".credentials_rsaparams"])
      expect(await isThere(file)).toBe(false);
    const { stdout: logs } = await execa("ls", [join(folder, "_diag")]);
    expect(logs).toMatch(/Runner_.*\.log\nWorker_.*\.log/);
  });

  test("keeps its configuration when no job has ended", async () => {
    service.sessionStatus = 409;

    expect((await listen()).exitCode).toBe(5);

    expect(await isThere(".runner")).toBe(true);
  });

  test("tells that it is too old only to those that ask for it", async () => {
    service.sessionStatus = 426;

    expect((await listen()).exitCode).toBe(1);
    expect((await listen({ ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE: "1" })).exitCode).toBe(7);
  });

  test("runs both hooks around the script, with the job's variables", async () => {
    const hook = join(folder, "hook.sh");
    await writeFile(hook, 'echo "hook $GITHUB_REPOSITORY $GITHUB_RUN_ID $GITHUB_JOB"');
    service.give({ script: "echo script $FLAVOUR", env: { FLAVOUR: 'it\'s "plain" $HOME' } });

    await listen({ ACTIONS_RUNNER_HOOK_JOB_STARTED: hook, ACTIONS_RUNNER_HOOK_JOB_COMPLETED: hook });

    const said = service
      .output()
      .split("\n")
      .filter((line) => /^(hook|script)/.test(line));
    expect(said).toEqual([
      "hook octo/spinw 2 build",
      'script it\'s "plain" $HOME',
      "hook octo/spinw 2 build",
    ]);
  });

  test("fails a job whose started hook fails, and does not run its script", async () => {
    const hook = join(folder, "hook.sh");
    await writeFile(hook, "exit 1");
    service.give({ script: "echo script" });

    await listen({ ACTIONS_RUNNER_HOOK_JOB_STARTED: hook });

    expect(await service.result).toBe("Failed");
    expect(service.output()).not.toContain("script");
  });

  test("hides its inputs from the job", async () => {
    service.give({ script: "env" });

    await listen();

    expect(service.output()).toContain("GITHUB_RUN_ID=2");
    expect(service.output()).not.toContain("ACTIONS_RUNNER_INPUT");
    expect(service.output()).not.toContain(service.clientId);
  });

  test("that lost its job listens on", async () => {
    service.give({ script: "true", env: { STANDIN_BEHAVIOUR: "lost-job" } });
    const stop = new AbortController();
    const listening = execa(join(folder, "bin/Runner.Listener"), ["run"], {
      env: { ACTIONS_RUNNER_INPUT_JITCONFIG: service.jit },
      reject: false,
      cancelSignal: stop.signal,
    });

    await vi.waitFor(() => expect(service.messages()).toBeGreaterThan(1), { timeout: 15_000 });

    expect(await isThere(".runner")).toBe(true);
    stop.abort();
    await listening;
  });

  test.each([
    ["5", 409, 0],
    ["7", 426, 7],
  ])("hides exit code %s behind run.sh as the real one does", async (_code, status, exitCode) => {
    service.sessionStatus = status;
    const env = {
      PATH: path,
      ACTIONS_RUNNER_INPUT_JITCONFIG: service.jit,
      RUNNER_ALLOW_RUNASROOT: "1",
      ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE: "1",
    };

    expect((await run("run.sh", [], env)).exitCode).toBe(exitCode);
  });

  test.skipIf(process.getuid?.() !== 0)("does not run as root through run.sh and config.sh", async () => {
    for (const script of ["run.sh", "config.sh"]) {
      const { exitCode, stderr } = await run(script, [], { PATH: path });
      expect(exitCode).toBe(1);
      expect(stderr).toContain("Must not run");
    }
  });

  test("is no service, and says so", async () => {
    const { exitCode, stderr } = await run("svc.sh", ["install"], { PATH: path });

    expect(exitCode).toBe(1);
    expect(stderr).toContain("has no svc.sh");
  });
});
