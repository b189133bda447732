import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fresh, newName, SOON_MS, soon, startOf, withTheKey } from "./mac/hand.ts";
import { entries, freshHost, openBench, PROGRAM, TART, type TartBench } from "./tart-bench.ts";

/** What the controller's key is good for on the Mac, and what it is not. */

describe("the key", () => {
  const shared = sharedBench();

  test("opens no shell", async () => {
    const said = await withTheKey(shared.bench, []);

    expect(said).toMatchObject({ exitCode: 64, stdout: "" });
    expect(said.stderr).toContain("none of its verbs");
  });

  test("forwards no port", async () => {
    const more = ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"];

    const said = await withTheKey(shared.bench, ["list"], { more });

    expect(said).toMatchObject({ exitCode: 255, stdout: "" });
    expect(said.stderr).toContain("remote port forwarding failed");
  });

  test.each([
    ["another command", "id"],
    ["a verb with more behind it", "list; touch PWNED"],
    ["a verb with a line more", "list\ntouch PWNED"],
    ["a command in a shell's brackets", "$(touch PWNED)"],
    ["another controller's VM", "destroy mayfly-other-image-a2b3c4d5"],
    ["a VM that is none of Mayfly's", "destroy database"],
    ["a path", "destroy ../../etc"],
    ["a name with a path in it", "destroy mayfly-test-image-a2b3c4d5/../../x"],
    ["a name with a command in it", "destroy mayfly-test-image-a2b3c4d5;touch PWNED"],
    ["two names", "destroy mayfly-test-image-a2b3c4d5 mayfly-test-image-b2b3c4d5"],
    ["a name with a line more", "destroy mayfly-test-image-a2b3c4d5\nx"],
    ["an option in place of a name", "evidence --help"],
    ["what only launchd may ask for", "--reap"],
    ["what only the program itself may ask for", "--keep test mayfly-test-image-a2b3c4d5"],
    ["a function of the program", "check_all"],
    ["a file copy", "scp -t /tmp"],
  ])("is not good for %s", async (_, words) => {
    const said = await withTheKey(shared.bench, [words]);

    expect(said).toMatchObject({ exitCode: 64, stdout: "" });
    expect(await entries(join(shared.bench.tartHome, "vms"))).toEqual(OTHERS);
    for (const folder of [process.env.HOME ?? "/", shared.bench.state])
      expect(await entries(folder)).not.toContain("PWNED");
  });
});

const SEED = (name: string) =>
  JSON.stringify({ machine: name, url: "https://h:1", ca: "", token: "t", lifeSeconds: 60 });
const BROKEN_OFF = "the order has broken off, or is too long";
const ORDER = { image: "stub", cpus: 4, memoryMiB: 8192, lifeSeconds: 600, bootSeconds: 60, allow: "" };

describe("an order", () => {
  const shared = sharedBench();

  test.each([
    ["an image that is an option", { image: "--help" }],
    ["an image with a command in it", { image: "stub; touch PWNED" }],
    ["an image with a shell's words", { image: "$(touch PWNED)" }],
    ["a size that is none", { cpus: "4; reboot" }],
    ["a time that is none", { lifeSeconds: -1 }],
    ["addresses that are options", { allow: "--net-bridged=en0" }],
    ["a size of nothing", { memoryMiB: 0 }],
  ])("is refused for %s", async (_, change) => {
    const name = newName();

    const said = await withTheKey(shared.bench, [`start ${name}`], {
      input: `${JSON.stringify({ ...ORDER, ...change })}\n${SEED(name)}\n`,
    });

    expect(said.exitCode).toBe(65);
    expect(said.stderr).toMatch(/the order's \w+ (?:is|are) no/);
    expect(await shared.bench.leftovers(name)).toEqual([]);
    expect(await readFile(join(shared.bench.tartHome, "calls"), "utf8").catch(() => "")).not.toContain(
      "clone",
    );
  });

  test.each([
    ["a longer life than the Mac allows", { lifeSeconds: 7201 }, "lets a VM live 7200 seconds, and not 7201"],
    [
      "a seed that stays longer than that",
      { bootSeconds: 7201 },
      "lets a VM live 7200 seconds, and not 7201",
    ],
    ["all addresses", { allow: "0.0.0.0/0" }, "does not let VMs reach 0.0.0.0/0"],
    ["an address more", { allow: "192.168.64.1/32,10.9.9.9/32" }, "does not let VMs reach 10.9.9.9/32"],
    ["a larger network", { allow: "10.1.2.0/2" }, "does not let VMs reach 10.1.2.0/2"],
    ["a part of what is allowed", { allow: "10.1.2.0" }, "does not let VMs reach 10.1.2.0."],
  ])("is refused for %s", async (_, change, words) => {
    const name = newName();

    const said = await withTheKey(shared.bench, [`start ${name}`], {
      input: `${JSON.stringify({ ...ORDER, ...change })}\n${SEED(name)}\n`,
    });

    expect(said.exitCode).toBe(65);
    expect(said.stderr).toContain(words);
    expect(said.stderr).toContain("run install-host.sh there again");
    expect(await shared.bench.leftovers(name)).toEqual([]);
  });

  test.each([
    ["nothing", () => "", BROKEN_OFF],
    ["the order only", () => `${JSON.stringify(ORDER)}\n`, BROKEN_OFF],
    [
      "a seed that broke off",
      (name: string) => `${JSON.stringify(ORDER)}\n${SEED(name).slice(0, -20)}`,
      BROKEN_OFF,
    ],
    ["a whole seed without its end", (name: string) => `${JSON.stringify(ORDER)}\n${SEED(name)}`, BROKEN_OFF],
    [
      "another machine's seed",
      () => `${JSON.stringify(ORDER)}\n${SEED("mayfly-test-image-a2b3c4d5")}\n`,
      "the seed is not this machine's",
    ],
    ["an order that is too long", (name: string) => `${"x".repeat(5000)}\n${SEED(name)}\n`, BROKEN_OFF],
  ])("of which came %s makes nothing", async (_, input, words) => {
    const name = newName();

    const said = await withTheKey(shared.bench, [`start ${name}`], { input: input(name) });

    expect(said.exitCode).toBe(65);
    expect(said.stderr).toContain(words);
    expect(await shared.bench.leftovers(name)).toEqual([]);
  });
});

test("an order may have all that the Mac allows, and tart is given no more", async () => {
  const { bench } = await fresh();
  const name = newName();
  const order = { ...ORDER, lifeSeconds: 7200, allow: "10.1.2.0/24,192.168.64.1/32" };

  const said = await withTheKey(bench, [`start ${name}`], {
    input: `${JSON.stringify(order)}\n${SEED(name)}\n`,
  });

  expect(said).toMatchObject({ exitCode: 0 });
  await expect
    .poll(() => readFile(join(bench.tartHome, "calls"), "utf8"), { timeout: SOON_MS })
    .toContain("--net-softnet-allow 10.1.2.0/24,192.168.64.1/32\n");
});

test.each([
  ["nothing", []],
  ["a name only, as by an installation of before", ["test"]],
  ["a name with a dot", [".lock", "7200"]],
  ["a life that is none", ["test", "1h"]],
  ["addresses that are none", ["test", "7200", "licence.lab"]],
])("a line of authorized_keys that gives %s opens nothing", async (_, words) => {
  const said = await execa({ reject: false, env: { SSH_ORIGINAL_COMMAND: "list" } })(PROGRAM, words);

  expect(said).toMatchObject({ exitCode: 64, stdout: "" });
  expect(said.stderr).toContain("Run install-host.sh on this Mac again");
});

test("a controller may be named lock", async () => {
  const { bench } = await fresh();
  const name = newName().replace("-test-", "-lock-");
  const order = `${JSON.stringify({ ...ORDER, lifeSeconds: 60 })}\n${SEED(name)}\n`;
  const ask = async (words: string, input = "") => {
    const env = { SSH_ORIGINAL_COMMAND: words, MAYFLY_STATE: bench.state, MAYFLY_TART: TART };
    return await execa({ input, env: { ...env, TART_HOME: bench.tartHome } })(PROGRAM, ["lock", "60"]);
  };

  await ask(`start ${name}`, order);
  const listed = (await ask("list")).stdout;
  await ask(`destroy ${name}`);

  expect(JSON.parse(listed)).toMatchObject({ name });
  expect((await ask("list")).stdout).toBe("");
  expect(await readdir(bench.state)).toEqual(["lock"]);
  expect(await readdir(join(bench.state, "lock"))).toEqual([]);
});

test("a name is started once", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");

  await expect(bench.driver.start(bench.orderOf(name, "stub"), soon())).rejects.toThrow(
    "there is a VM of that name already",
  );
});

test("nobody else on the Mac can read what is kept there, and the seed is gone when its guest has read it", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  const folder = join(bench.state, "test", name);
  const seed = await readFile(join(folder, "seed/seed.json"), "utf8");

  await bench.driver.dropSeed?.(name, soon());

  expect(JSON.parse(seed)).toEqual(bench.orderOf(name, "stub").seed);
  expect((await stat(bench.state)).mode & 0o077).toBe(0);
  expect((await stat(folder)).mode & 0o077).toBe(0);
  expect(await entries(join(folder, "seed"))).toEqual([]);
});

test("a seed that no guest has read in time is removed", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");
  const folder = join(bench.state, "test", name);
  await writeFile(join(folder, "seed-until"), "1\n");

  await bench.driver.list(soon());

  expect(await entries(join(folder, "seed"))).toEqual([]);
});

test("tart is called as it wants to be called, and shares the seed's folder and nothing else", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub");

  const calls = (await readFile(join(bench.tartHome, "calls"), "utf8")).split("\n");

  const shared = `--dir mayfly:${join(bench.state, "test", name)}/seed:ro`;
  expect(calls).toContain(`clone stub ${name}`);
  expect(calls).toContain(`set ${name} --cpu 4 --memory 8192 --random-mac`);
  expect(calls).toContain(
    `run ${name} --no-graphics --no-audio --no-clipboard ${shared} --net-softnet --net-softnet-allow 192.168.64.1/32`,
  );
});

const OTHERS = ["database", "mayfly-other-image-a2b3c4d5"];

/** One Mac for tests that change nothing there, with VMs of others on it. */
function sharedBench(): { bench: TartBench } {
  const shared = {} as { bench: TartBench };
  beforeAll(async () => {
    shared.bench = await openBench(await freshHost());
    for (const name of OTHERS) await shared.bench.plantVm(name);
  });
  afterAll(() => shared.bench.close());
  return shared;
}
