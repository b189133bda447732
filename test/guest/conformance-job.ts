import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { outcomes } from "./contract.ts";
import { eventually, type Life, newLife } from "./life.ts";
import { MACHINE, TOKEN } from "./listening.ts";
import type { SystemRig } from "./systems.ts";
import { isRoot } from "./vm.ts";

/** What the guest program of every system does with a job. It runs against the real guest listener. See: guest/contract.md. */
export function conformsWithJobs(system: SystemRig): void {
  let life: Life;

  beforeEach(async () => {
    life = await newLife(system);
  });
  afterEach(() => life.remove());

  describe("a machine with a job", () => {
    test("runs it, tells how it ended, and powers off once", async () => {
      await life.plant();
      life.service.give({ script: "echo hello from $GITHUB_REPOSITORY run $GITHUB_RUN_ID" });

      await life.run();

      expect(await life.service.result).toBe("Succeeded");
      expect(life.service.output()).toContain("hello from octo/spinw run 2");
      expect(life.machine()).toMatchObject({
        runnerVersion: "2.337.0-standin",
        outcome: { exitCode: 100, ranJob: true, text: "the job succeeded" },
      });
      expect(life.machine()?.guestLog).toBeUndefined();
      expect(await life.vm.powerOffs()).toBe(1);
    });

    test("tells that its runner was started, when no job comes at once", async () => {
      await life.plant();
      life.vm.boot();
      await life.configure();

      await eventually(() => expect(life.machine()?.stage?.name).toBe("runner-started"));

      expect(life.machine()?.workingAt).toBeUndefined();
    });

    test("tells that the job has started while it runs", async () => {
      await life.plant();
      life.service.give({ script: "sleep 60" });
      life.vm.boot();
      await life.configure();

      await eventually(() => expect(life.machine()?.workingAt).toBeDefined());

      expect(life.machine()?.endedAt).toBeUndefined();
    });

    test("whose job fails has still done its work", async () => {
      await life.plant();
      life.service.give({ script: "exit 3" });

      await life.run();

      expect(await life.service.result).toBe("Failed");
      expect(life.machine()?.outcome).toEqual({ exitCode: 102, ranJob: true, text: "the job failed" });
    });

    test("whose job is cancelled ends the job's processes", async () => {
      await life.plant();
      life.service.give({ script: "sleep 60 & echo $! >$RUNNER_TEMP/sleeper; wait" });
      life.vm.boot();
      await life.configure();
      await eventually(() => expect(life.machine()?.workingAt).toBeDefined());

      life.service.cancel();
      await life.vm.ended();

      expect(await life.service.result).toBe("Canceled");
      expect(life.machine()?.outcome).toMatchObject({ exitCode: 103, ranJob: true });
      const sleeper = (await readFile(join(life.vm.runner, "_work/_temp/sleeper"), "utf8")).trim();
      // NB: one that is dead and not yet buried still has its folder, but no command line.
      expect(await readFile(`/proc/${sleeper}/cmdline`, "utf8").catch(() => "")).toBe("");
    });

    test("registers with a token where it must, with exactly the labels it was given", async () => {
      await life.plant();
      life.service.give({ script: "true" });
      life.vm.boot();

      await life.configure({
        registration: "token",
        url: `${life.service.url}/octo/spinw`,
        token: life.service.registrationToken,
        name: MACHINE,
        labels: ["self-hosted", "spinw-linux"],
      });
      await life.vm.ended();

      expect(life.service.registered()).toMatchObject({
        token: life.service.registrationToken,
        name: MACHINE,
        labels: ["self-hosted", "spinw-linux"],
        ephemeral: true,
      });
      expect(life.machine()?.outcome).toMatchObject({ exitCode: 100, ranJob: true });
      expect(await life.vm.commandLines()).not.toContain(life.service.registrationToken);
    });
  });

  describe("secrets", () => {
    test("are in no argument, in no file that is left, and out of the job's reach", async () => {
      await life.plant();
      const look = `
      cat ${life.vm.run}/* ${life.vm.seedFile} || true
      for ((pid = $$; pid > 1; pid = $(ps -o ppid= $pid))); do cat /proc/$pid/cmdline /proc/$pid/environ || true; done
      echo looked`;
      life.service.give({ script: look });

      await life.run();

      expect(life.service.output()).toContain("looked");
      const lines = await life.vm.commandLines();
      expect(lines).toContain(system.proof);
      const kept = await life.vm.files();
      expect([...kept.keys()].some((path) => path === join(life.vm.run, "guest.log"))).toBe(true);
      for (const secret of [TOKEN, life.service.jit, life.service.clientId]) {
        expect(lines).not.toContain(secret);
        expect(life.vm.console()).not.toContain(secret);
        const found = [...kept].filter(
          ([path, content]) => content.includes(secret) && !path.includes("/_work/"),
        );
        expect(found.map(([path]) => path)).toEqual([]);
      }
      // The registration is the runner's own, and its job's: only the guest's token must be out of reach.
      if (isRoot) expect(life.service.output()).not.toContain(TOKEN);
    });

    test("are not in the log that is sent, even if the runner prints them", async () => {
      await life.plant();
      const listener = `#!/bin/bash\nenv; echo token ${TOKEN}; exit 1\n`;
      await writeFile(life.vm.listener, listener, { mode: 0o755 });

      await life.run();

      expect(life.machine()?.guestLog).toContain("ACTIONS_RUNNER_INPUT_JITCONFIG=(secret)");
      expect(life.machine()?.guestLog).toContain("token (secret)");
    });

    test("of other users' files are not sent, when the runner leads to them with a link", async () => {
      await life.plant();
      const theirs = join(life.vm.root, "theirs");
      await writeFile(theirs, "what only root may read", { mode: 0o600 });
      const listener = `#!/bin/bash\nmkdir -p _diag; ln -s ${theirs} _diag/Runner_1.log; exit 1\n`;
      await writeFile(life.vm.listener, listener, { mode: 0o755 });

      await life.run();

      expect(life.machine()?.guestLog).toBeDefined();
      if (isRoot) expect(life.machine()?.guestLog).not.toContain("what only root may read");
    });
  });

  describe("a runner that ends without a job", () => {
    test("tells so, with the tail of the logs", async () => {
      await life.plant();
      await writeFile(join(life.vm.runner, "behaviour"), "refuse");

      await life.run();

      expect(life.machine()?.outcome).toEqual({
        exitCode: 1,
        ranJob: false,
        text: "the runner ended with an error: its configuration was refused",
      });
      expect(life.machine()?.guestLog).toContain("told to be refused");
      expect(await life.vm.powerOffs()).toBe(1);
    });

    test.each([
      [409, 5, "another runner holds this registration"],
      [426, 7, "GitHub refuses this version of the runner: the image's runner is too old"],
      [401, 1, "the runner ended with an error: its configuration was refused"],
    ])("after GitHub's %s tells exit code %s", async (status, exitCode, text) => {
      await life.plant();
      life.service.sessionStatus = status;

      await life.run();

      expect(life.machine()?.outcome).toEqual({ exitCode, ranJob: false, text });
    });

    test.each(outcomes())(
      "with exit code $exitCode is described as in the contract",
      async ({ exitCode, text }) => {
        await life.plant();
        await writeFile(life.vm.listener, `#!/bin/sh\nexit ${exitCode}\n`, {
          mode: 0o755,
        });

        await life.run();

        expect(life.machine()?.outcome).toEqual({ exitCode, ranJob: exitCode >= 100, text });
      },
    );
  });

  test("a runner that dies in the middle of a job is told as killed, with a job", async () => {
    await life.plant();
    life.service.give({ script: "true", env: { STANDIN_BEHAVIOUR: "die" } });

    await life.run();

    expect(life.machine()?.outcome).toEqual({
      exitCode: 137,
      ranJob: true,
      text: "the runner was killed by signal 9",
    });
    expect(life.machine()?.guestLog).toContain("running job build");
  });

  // Windows asks no program to end.
  test.skipIf(system.os === "windows")("a guest that is asked to end powers off", async () => {
    await life.plant();
    life.service.give({ script: "sleep 60" });
    life.vm.boot();
    await life.configure();
    await eventually(() => expect(life.machine()?.workingAt).toBeDefined());

    life.vm.kill("SIGTERM");
    await life.vm.ended();

    expect(await life.vm.powerOffs()).toBe(1);
  });
}
