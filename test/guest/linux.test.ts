import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Registration, Seed } from "../../src/ports.ts";
import { outcomes } from "./contract.ts";
import { type JobService, startJobService } from "./job-service.ts";
import { type Listening, listening, MACHINE, newAuthority, TOKEN } from "./listening.ts";
import { isRoot, newVm, type Vm } from "./vm.ts";

let rig: Listening;
let service: JobService;
let vm: Vm;

beforeEach(async () => {
  [rig, service, vm] = await Promise.all([listening(systemClock), startJobService(MACHINE), newVm()]);
});
afterEach(async () => {
  await vm.remove();
  await Promise.all([rig.close(), service.close()]);
});

const seedFile = () => join(vm.root, "var/lib/mayfly/seed.json");
const plant = (changes?: Partial<Seed>) => writeFile(seedFile(), JSON.stringify(rig.seed(changes)));
const jit = (): Registration => ({ registration: "jit", runnerId: 7, jit: service.jit });
const machine = () => rig.state.machines.get(MACHINE);

const eventually = (check: () => void | Promise<void>) =>
  vi.waitFor(check, { timeout: 15_000, interval: 50 });

/** As the controller does when a job waits for the machine. */
async function configure(registration = jit()): Promise<void> {
  await eventually(() => expect(rig.listener.guests.polling().has(MACHINE)).toBe(true));
  rig.tell({ kind: "machine-configured", machine: MACHINE, at: Date.now() });
  rig.listener.guests.answer(MACHINE, registration);
}

/** Lives until it is powered off. */
async function live(): Promise<void> {
  vm.boot();
  await configure();
  await vm.ended();
}

describe("a machine with a job", () => {
  test("runs it, tells how it ended, and powers off once", async () => {
    await plant();
    service.give({ script: "echo hello from $GITHUB_REPOSITORY run $GITHUB_RUN_ID" });

    await live();

    expect(await service.result).toBe("Succeeded");
    expect(service.output()).toContain("hello from octo/spinw run 2");
    expect(machine()).toMatchObject({
      runnerVersion: "2.337.0-standin",
      outcome: { exitCode: 100, ranJob: true, text: "the job succeeded" },
    });
    expect(machine()?.guestLog).toBeUndefined();
    expect(await vm.powerOffs()).toBe(1);
  });

  test("tells that its runner was started, when no job comes at once", async () => {
    await plant();
    vm.boot();
    await configure();

    await eventually(() => expect(machine()?.stage?.name).toBe("runner-started"));

    expect(machine()?.workingAt).toBeUndefined();
  });

  test("tells that the job has started while it runs", async () => {
    await plant();
    service.give({ script: "sleep 60" });
    vm.boot();
    await configure();

    await eventually(() => expect(machine()?.workingAt).toBeDefined());

    expect(machine()?.endedAt).toBeUndefined();
  });

  test("whose job fails has still done its work", async () => {
    await plant();
    service.give({ script: "exit 3" });

    await live();

    expect(await service.result).toBe("Failed");
    expect(machine()?.outcome).toEqual({ exitCode: 102, ranJob: true, text: "the job failed" });
  });

  test("whose job is cancelled ends the job's processes", async () => {
    await plant();
    service.give({ script: "sleep 60 & echo $! >$RUNNER_TEMP/sleeper; wait" });
    vm.boot();
    await configure();
    await eventually(() => expect(machine()?.workingAt).toBeDefined());

    service.cancel();
    await vm.ended();

    expect(await service.result).toBe("Canceled");
    expect(machine()?.outcome).toMatchObject({ exitCode: 103, ranJob: true });
    const sleeper = (await readFile(join(vm.runner, "_work/_temp/sleeper"), "utf8")).trim();
    // NB: one that is dead and not yet buried still has its folder, but no command line.
    expect(await readFile(`/proc/${sleeper}/cmdline`, "utf8").catch(() => "")).toBe("");
  });

  test("registers with a token where it must, with exactly the labels it was given", async () => {
    await plant();
    service.give({ script: "true" });
    vm.boot();

    await configure({
      registration: "token",
      url: `${service.url}/octo/spinw`,
      token: service.registrationToken,
      name: MACHINE,
      labels: ["self-hosted", "spinw-linux"],
    });
    await vm.ended();

    expect(service.registered()).toMatchObject({
      token: service.registrationToken,
      name: MACHINE,
      labels: ["self-hosted", "spinw-linux"],
      ephemeral: true,
    });
    expect(machine()?.outcome).toMatchObject({ exitCode: 100, ranJob: true });
    expect(await vm.commandLines()).not.toContain(service.registrationToken);
  });
});

describe("secrets", () => {
  test("are in no argument, in no file that is left, and out of the job's reach", async () => {
    await plant();
    const look = `
      cat ${vm.root}/run/mayfly/* ${seedFile()} || true
      for ((pid = $$; pid > 1; pid = $(ps -o ppid= $pid))); do cat /proc/$pid/cmdline /proc/$pid/environ || true; done
      echo looked`;
    service.give({ script: look });

    await live();

    expect(service.output()).toContain("looked");
    const lines = await vm.commandLines();
    expect(lines).toContain("curl --config - ");
    const kept = await vm.files();
    expect([...kept.keys()].some((path) => path.endsWith("run/mayfly/guest.log"))).toBe(true);
    for (const secret of [TOKEN, service.jit, service.clientId]) {
      expect(lines).not.toContain(secret);
      expect(vm.console()).not.toContain(secret);
      const found = [...kept].filter(
        ([path, content]) => content.includes(secret) && !path.includes("/_work/"),
      );
      expect(found.map(([path]) => path)).toEqual([]);
    }
    // The registration is the runner's own, and its job's: only the guest's token must be out of reach.
    if (isRoot) expect(service.output()).not.toContain(TOKEN);
  });

  test("are not in the log that is sent, even if the runner prints them", async () => {
    await plant();
    const listener = `#!/bin/bash\nenv; echo token ${TOKEN}; exit 1\n`;
    await writeFile(join(vm.runner, "bin/Runner.Listener"), listener, { mode: 0o755 });

    await live();

    expect(machine()?.guestLog).toContain("ACTIONS_RUNNER_INPUT_JITCONFIG=(secret)");
    expect(machine()?.guestLog).toContain("token (secret)");
  });

  test("of other users' files are not sent, when the runner leads to them with a link", async () => {
    await plant();
    const theirs = join(vm.root, "theirs");
    await writeFile(theirs, "what only root may read", { mode: 0o600 });
    const listener = `#!/bin/bash\nmkdir -p _diag; ln -s ${theirs} _diag/Runner_1.log; exit 1\n`;
    await writeFile(join(vm.runner, "bin/Runner.Listener"), listener, { mode: 0o755 });

    await live();

    expect(machine()?.guestLog).toBeDefined();
    if (isRoot) expect(machine()?.guestLog).not.toContain("what only root may read");
  });
});

describe("a runner that ends without a job", () => {
  test("tells so, with the tail of the logs", async () => {
    await plant();
    await writeFile(join(vm.runner, "behaviour"), "refuse");

    await live();

    expect(machine()?.outcome).toEqual({
      exitCode: 1,
      ranJob: false,
      text: "the runner ended with an error: its configuration was refused",
    });
    expect(machine()?.guestLog).toContain("told to be refused");
    expect(await vm.powerOffs()).toBe(1);
  });

  test.each([
    [409, 5, "another runner holds this registration"],
    [426, 7, "GitHub refuses this version of the runner: the image's runner is too old"],
    [401, 1, "the runner ended with an error: its configuration was refused"],
  ])("after GitHub's %s tells exit code %s", async (status, exitCode, text) => {
    await plant();
    service.sessionStatus = status;

    await live();

    expect(machine()?.outcome).toEqual({ exitCode, ranJob: false, text });
  });

  test.each(outcomes())(
    "with exit code $exitCode is described as in the contract",
    async ({ exitCode, text }) => {
      await plant();
      await writeFile(join(vm.runner, "bin/Runner.Listener"), `#!/bin/sh\nexit ${exitCode}\n`, {
        mode: 0o755,
      });

      await live();

      expect(machine()?.outcome).toEqual({ exitCode, ranJob: exitCode >= 100, text });
    },
  );
});

test("a runner that dies in the middle of a job is told as killed, with a job", async () => {
  await plant();
  service.give({ script: "true", env: { STANDIN_BEHAVIOUR: "die" } });

  await live();

  expect(machine()?.outcome).toEqual({
    exitCode: 137,
    ranJob: true,
    text: "the runner was killed by signal 9",
  });
  expect(machine()?.guestLog).toContain("running job build");
});

describe("a machine without work", () => {
  test("that was retired powers off without a word", async () => {
    await plant();
    rig.tell({ kind: "machine-retired", machine: MACHINE, why: "surplus", at: Date.now() });
    vm.boot();

    expect(await vm.ended()).toBe(0);

    expect(await vm.powerOffs()).toBe(1);
    expect(machine()?.outcome).toBeUndefined();
  });

  test("whose token is unknown asks again for a while, then powers off", async () => {
    await plant({ token: "a-token-that-nobody-has" });
    vm.boot({ MAYFLY_REFUSED_SECONDS: "2" });

    await vm.ended();

    expect(vm.console()).toContain("does not know this machine");
    expect((await vm.commandLines()).match(/^curl/gm)?.length).toBeGreaterThan(2);
    expect(await vm.powerOffs()).toBe(1);
  });

  test("waits for a listener that is away", async () => {
    await plant();
    service.give({ script: "true" });
    const port = Number(new URL(rig.listener.url).port);
    await rig.listener.close();
    vm.boot();
    await eventually(() => expect(vm.console()).toContain("asking for work"));

    rig = await listening(systemClock, port);
    await configure();
    await vm.ended();

    expect(machine()?.outcome).toMatchObject({ exitCode: 100 });
  });

  test("does not talk to a listener that another authority has signed", async () => {
    const { ca } = await newAuthority();
    await plant({ ca });
    vm.boot();

    await eventually(async () => {
      const log = await readFile(join(vm.root, "run/mayfly/guest.log"), "utf8");
      expect(log).toContain("certificate");
    });

    expect(rig.facts).toEqual([]);
  });

  test("is left alone when there is no seed", async () => {
    vm.boot();

    expect(await vm.ended()).toBe(0);

    expect(vm.console()).toContain("no seed");
    expect(await vm.powerOffs()).toBe(0);
  });

  test.each([
    ["is no JSON", "nonsense"],
    ["is not https", JSON.stringify({ url: "http://10.0.0.1" })],
  ])("powers off when its seed %s", async (_what, content) => {
    await writeFile(seedFile(), content);
    vm.boot();

    expect(await vm.ended()).toBe(1);

    expect(await vm.powerOffs()).toBe(1);
  });

  test("that has no runner says so before it asks", async () => {
    await plant();
    vm.boot({ MAYFLY_RUNNER: "/nowhere" });

    await vm.ended();

    expect(machine()?.askedAt).toBeUndefined();
    expect(machine()?.stage).toMatchObject({ name: "failed", text: "there is no runner in /nowhere" });
    expect(machine()?.outcome?.ranJob).toBe(false);
  });
});

describe("the life limit", () => {
  test("powers off although the job hangs", async () => {
    await plant({ lifeSeconds: 2 });
    service.give({ script: "true", env: { STANDIN_BEHAVIOUR: "hang" } });
    vm.boot();
    await configure();

    await vm.off();

    expect(machine()?.endedAt).toBeUndefined();
  });

  test("powers off although the guest program was killed", async () => {
    await plant({ lifeSeconds: 2 });
    vm.boot();
    await eventually(() => expect(rig.listener.guests.polling().size).toBe(1));

    vm.kill("SIGKILL");
    await vm.ended();
    expect(await vm.powerOffs()).toBe(0);

    await vm.off();
  });
});

test("a guest that is asked to end powers off", async () => {
  await plant();
  service.give({ script: "sleep 60" });
  vm.boot();
  await configure();
  await eventually(() => expect(machine()?.workingAt).toBeDefined());

  vm.kill("SIGTERM");
  await vm.ended();

  expect(await vm.powerOffs()).toBe(1);
});

describe("the seed", () => {
  test.each([
    ["on many lines", (seed: Seed) => JSON.stringify(seed, null, 2)],
    ["with unknown fields", (seed: Seed) => JSON.stringify({ later: true, ...seed })],
  ])("is understood when it is written %s", async (_how, written) => {
    await writeFile(seedFile(), written(rig.seed()));
    vm.boot();

    await eventually(() => expect(rig.listener.guests.polling().size).toBe(1));
  });

  test.each<[string, Partial<Record<keyof Seed, unknown>>]>([
    ["a machine that is a path", { machine: "../../etc" }],
    ["a token with an escape", { token: 'a-token-with-a-"-in-it' }],
    ["no life", { lifeSeconds: 0 }],
    ["no certificate authority", { ca: "" }],
  ])("with %s powers off, and calls nobody", async (_what, changes) => {
    await writeFile(seedFile(), JSON.stringify({ ...rig.seed(), ...changes }));
    vm.boot();

    expect(await vm.ended()).toBe(1);

    expect(await vm.commandLines()).not.toContain("curl");
    expect(await vm.powerOffs()).toBe(1);
  });

  test("in a file is gone after it was read", async () => {
    await plant();
    vm.boot();
    await eventually(() => expect(rig.listener.guests.polling().size).toBe(1));

    await expect(stat(seedFile())).rejects.toThrow();
  });

  test("on a disk is overwritten, and the disk keeps its size", async () => {
    const disk = join(vm.root, "dev/vdb");
    await plantDisk(disk);
    service.give({ script: "true" });

    await live();

    expect(machine()?.outcome).toMatchObject({ exitCode: 100 });
    const content = await readFile(disk);
    expect(content).toHaveLength(64 * 1024);
    expect(content.every((byte) => byte === 0)).toBe(true);
  });

  test("is not looked for on disks of another size", async () => {
    await plantDisk(join(vm.root, "dev/vdb"), "262144");
    vm.boot();

    await vm.ended();

    expect(vm.console()).toContain("no seed");
  });

  async function plantDisk(path: string, sectors = "128"): Promise<void> {
    await mkdir(join(vm.root, "dev"));
    await mkdir(join(vm.root, "sys/block/vdb"), { recursive: true });
    await mkdir(join(vm.root, "sys/block/vda"), { recursive: true });
    await writeFile(join(vm.root, "sys/block/vda/size"), "8388608\n");
    await writeFile(join(vm.root, "sys/block/vdb/size"), `${sectors}\n`);
    const content = Buffer.alloc(64 * 1024);
    content.write(`MAYFLYSEED1\n${JSON.stringify(rig.seed())}\n`);
    await writeFile(path, content);
  }
});

test("the program says its version", async () => {
  const { stdout } = await execa("guest/linux/mayfly-guest", ["--version"]);

  expect(stdout).toBe("1");
});
