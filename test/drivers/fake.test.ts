import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import { parseStat, statOf, vmStateOf } from "../../src/drivers/processes.ts";
import type { VmSeen } from "../../src/ports.ts";
import { driverContract } from "./contract.ts";
import { type FakeOptions, freshHost, openBench } from "./fake-bench.ts";

driverContract<FakeOptions>("fake", {
  module: import.meta.resolve("./fake-bench.ts"),
  openBench,
  freshHost,
  words: {
    stateOf: vmStateOf,
    // See: proc_pid_stat(5), field "state".
    meanings: {
      ...{ R: "up", S: "up", D: "up", T: "up", t: "up", W: "up", K: "up", P: "up", I: "up" },
      ...{ Z: "off", X: "off", x: "off" },
    },
  },
});

test("a VM that cannot be made is broken, and says why", async () => {
  const { expectSeen } = await start({ box: "fake?fail=no+space+left" });

  await expectSeen({ state: "broken", text: "no space left" });
});

test("a command that is not there makes a broken VM", async () => {
  const { expectSeen } = await start({ command: ["/no/such/program"] });

  await expectSeen({ state: "broken", text: "the command /no/such/program is not there, or cannot be run" });
});

test("a command that is there and cannot be run makes a broken VM", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-fake-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const program = join(folder, "program");
  await writeFile(program, "#!/no/such/interpreter\n", { mode: 0o755 });

  const { expectSeen } = await start({ command: [program] });

  await expectSeen({ state: "broken", text: `the command ${program} cannot be run` });
});

test("a VM that hangs is up, and its command never runs", async () => {
  const { expectSeen, evidence } = await start({ box: "fake?hang" });

  await expectSeen({ state: "up" });
  expect(await evidence()).toBe("booted\n");
});

test("a VM that dies is off, with all its processes", async () => {
  const { bench, name, expectSeen } = await start({ box: "fake?dieMs=100" });

  await expectSeen({ state: "off" });

  await expect.poll(() => bench.leftovers(name)).toEqual([join(bench.folder, name)]);
});

test("a VM whose command has ended is off, and keeps its console", async () => {
  const { expectSeen, evidence } = await start({ command: ["echo", "good bye"] });

  await expectSeen({ state: "off" });

  expect(await evidence()).toBe("booted\ngood bye\n");
});

test("the command gets its seed in a file that only its user can read, and no secret of the controller's environment", async () => {
  process.env.MAYFLY_TEST_SECRET = "only the controller knows";
  onTestFinished(() => void delete process.env.MAYFLY_TEST_SECRET);
  const { bench, name, expectSeen, evidence } = await start({
    command: ["sh", "-c", "env; cat $MAYFLY_SEED"],
  });

  await expectSeen({ state: "off" });

  expect(await evidence()).toContain(`token-of-${name}`);
  expect(await evidence()).not.toContain("only the controller knows");
  expect((await stat(join(bench.folder, name, "seed.json"))).mode & 0o777).toBe(0o600);
});

test("a process that left its VM's group is ended with the VM", async () => {
  const { bench, name, evidence } = await start({
    command: ["sh", "-c", "setsid sleep 600 & echo off it goes"],
  });
  await expect.poll(evidence).toContain("off it goes");

  await bench.driver.destroy(name, AbortSignal.timeout(5000));

  expect(await bench.leftovers(name)).toEqual([]);
});

test("a VM that makes its folder anew while it is destroyed is gone all the same", async () => {
  const { bench, name, expectSeen } = await start({ command: MAKES_ITS_FOLDER, box: "fake?leaveMs=200" });
  await expectSeen({ state: "up" });

  await bench.driver.destroy(name, AbortSignal.timeout(5000));

  expect(await bench.driver.list(soon())).toEqual([]);
  expect(await bench.leftovers(name)).toEqual([]);
});

test("a destroy that was cut short is taken up again, also if its VM has made its folder anew", async () => {
  const { bench, name, expectSeen } = await start({ command: MAKES_ITS_FOLDER });
  await expectSeen({ state: "up" });
  const folder = join(bench.folder, name);
  await rename(folder, `${folder}.leaving`);
  await expect.poll(() => bench.leftovers(name)).toContain(folder);

  await bench.driver.destroy(name, soon());

  expect(await bench.leftovers(name)).toEqual([]);
});

test("a pid that was given to another process since is not taken for the VM, and that process lives on", async () => {
  const { bench, name, expectSeen } = await start({ command: ["true"] });
  await expectSeen({ state: "off" });
  const stranger = spawn("sleep", ["600"], { detached: true });
  onTestFinished(() => void stranger.kill("SIGKILL"));
  await takeOverPid(join(bench.folder, name, "process"), stranger.pid ?? 0);

  await expectSeen({ state: "off" });
  await bench.driver.destroy(name, AbortSignal.timeout(5000));

  expect(await statOf(stranger.pid ?? 0)).toMatchObject({ state: "S" });
});

test("a destroy that was cut short is taken up again", async () => {
  const { bench, name, expectSeen } = await start({});
  await expectSeen({ state: "up" });
  await rename(join(bench.folder, name), join(bench.folder, `${name}.leaving`));

  const listed = await bench.driver.list(AbortSignal.timeout(5000));
  await bench.driver.destroy(name, AbortSignal.timeout(5000));

  expect(listed).toEqual([{ name, state: "up" }]);
  expect(await bench.leftovers(name)).toEqual([]);
});

test("a knob that does not exist is refused with the names of those that do", async () => {
  await expect(start({ box: "fake?boots=1" })).rejects.toThrow(
    'The driver "fake" has no knob "boots". It has bootMs, hang, dieMs, leaveMs, fail.',
  );
});

test("a knob that wants a number says so", async () => {
  await expect(start({ box: "fake?bootMs=soon" })).rejects.toThrow(
    'wants whole milliseconds, and got "soon"',
  );
});

test("a host without a command, or with one that is not there, says so when it is checked", async () => {
  const without = await openBench({ root: (await freshHost()).root });
  const wrong = await openBench(await freshHost(["no-such-program"]));
  onTestFinished(without.close);
  onTestFinished(wrong.close);

  const missing = [await without.driver.check(soon()), await wrong.driver.check(soon())];

  expect(missing).toEqual([
    ['The host here has the driver "fake", but no command that stands in for a VM.'],
    [
      "The command no-such-program of the host here is not there, or cannot be run. Give a full path, or a name on the PATH.",
    ],
  ]);
});

test("a program's name may hold what separates the fields of its line", () => {
  const line = `4711 (odd) S (name) R 1 4700 4700 0 -1 4194560 ${"0 ".repeat(12)}123456 0 0`;

  expect(parseStat(line)).toEqual({ pid: 4711, state: "R", group: 4700, startTicks: 123456 });
  expect(() => parseStat("")).toThrow("not a line");
});

/** As the guest program does when it begins, but again and again. */
const MAKES_ITS_FOLDER = ["sh", "-c", 'while :; do mkdir -p "$(dirname "$MAYFLY_SEED")/vm"; done'];

const soon = () => AbortSignal.timeout(5000);

/** Starts one machine on a fresh host. */
async function start({ command, box = "fake" }: { command?: readonly string[]; box?: string }) {
  const bench = await openBench(await freshHost(command));
  onTestFinished(bench.close);
  const name = machineName("test", "image", randomBytes(8));
  const order = bench.order(name);
  await bench.driver.start({ ...order, image: { ...order.image, box: { name: box } } }, soon());
  const seen = async () => (await bench.driver.list(soon())).find((vm) => vm.name === name);
  return {
    bench,
    name,
    expectSeen: (expected: Omit<VmSeen, "name">) =>
      expect.poll(seen, { timeout: 15_000 }).toEqual({ name, ...expected }),
    evidence: async () => (await bench.driver.evidence(name, soon()))["console.log"],
  };
}

/** Writes the record as it would be if the VM's pid had been given to the other process. */
async function takeOverPid(file: string, pid: number): Promise<void> {
  const record = await readFile(file, "latin1");
  await writeFile(file, record.replace(/^\d+/, String(pid)));
}
