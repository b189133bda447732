import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import type { Driver, StartOrder, VmSeen } from "../../src/ports.ts";

/** A driver over something that can stand in for its host, and what the contract wants to know of it. */
export type Bench = {
  driver: Driver;
  controller: string;
  /** An order whose VM boots at once and then stays up, or one whose VM is still booting when the test ends. */
  order: (name: string, boot?: "quick" | "slow") => StartOrder;
  /** All that the driver has logged. */
  logged: () => string;
  /** All that exists for a machine of this name: its VM, disks, folders, processes. In words, for the failure's message. */
  leftovers: (name: string) => Promise<string[]>;
  /** Makes a VM of that name behind the driver's back. Answers whether it is still there as it was. */
  plantVm: (name: string) => Promise<() => Promise<boolean>>;
  /** Makes the host unreachable. None: there is no such case. */
  cutOff?: (() => Promise<void>) | undefined;
  /** File of evidence that must hold `consoleText` when a quick VM has booted. */
  consoleText: string;
  /** Ends all, and removes what the bench itself made. */
  close: () => Promise<void>;
};

/** Opens a bench. Opened again with the same options it is the same host, seen by a new controller. */
export type OpenBench<Options> = (options: Options) => Promise<Bench>;

export type ContractParts<Options> = {
  /** Address of the module that exports `openBench`: another process opens it too. */
  module: string;
  openBench: OpenBench<Options>;
  /** Options for a fresh host. JSON can hold them. */
  freshHost: () => Promise<Options>;
  /** The host's words for a VM's state, and what each means. A word that is no key here must be `unknown`. */
  words: { stateOf: (word: string) => string; meanings: Readonly<Record<string, VmSeen["state"]>> };
};

/** Most time for anything that is to happen soon. A bench that is slower is broken. */
const SOON_MS = 15_000;
const soon = () => AbortSignal.timeout(SOON_MS);

/** What every driver does, whatever it drives. */
export function driverContract<Options>(title: string, parts: ContractParts<Options>): void {
  const fresh = async (): Promise<{ bench: Bench; options: Options; name: string }> => {
    const options = await parts.freshHost();
    const bench = await parts.openBench(options);
    onTestFinished(bench.close);
    return { bench, options, name: newName(bench) };
  };

  describe(`driver ${title}`, () => {
    lifeOf(fresh);
    guardsOf(fresh);
    crashOf(parts, fresh);

    test("every word of the host has a meaning, and a word it does not know means unknown", () => {
      const { stateOf, meanings } = parts.words;

      const said = Object.fromEntries(Object.keys(meanings).map((word) => [word, stateOf(word)]));

      expect(said).toEqual(meanings);
      for (const word of ["", "no such word", "constructor"]) expect(stateOf(word)).toBe("unknown");
    });
  });
}

type Fresh<Options> = () => Promise<{ bench: Bench; options: Options; name: string }>;

function lifeOf(fresh: Fresh<unknown>): void {
  test("a fresh host lists nothing, and misses nothing", async () => {
    const { bench } = await fresh();

    const listed = await bench.driver.list(soon());
    const missing = await bench.driver.check(soon());

    expect(listed).toEqual([]);
    expect(missing).toEqual([]);
  });

  test("a VM is listed from the moment its order was accepted, and is up in the end", async () => {
    const { bench, name } = await fresh();

    await bench.driver.start(bench.order(name), soon());
    const atOnce = await bench.driver.list(soon());

    expect(atOnce.map((vm) => vm.name)).toEqual([name]);
    await expectState(bench, name, "up");
  });

  test("an order is accepted long before the VM has booted", async () => {
    const { bench, name } = await fresh();

    await bench.driver.start(bench.order(name, "slow"), soon());

    expect(await stateOf(bench, name)).toBe("building");
  });

  test("a destroyed VM leaves nothing, and its neighbour is as it was", async () => {
    const { bench, name } = await fresh();
    const neighbour = newName(bench);
    await bench.driver.start(bench.order(name), soon());
    await bench.driver.start(bench.order(neighbour), soon());
    await expectState(bench, name, "up");
    await expectState(bench, neighbour, "up");

    await bench.driver.destroy(name, soon());

    expect(await bench.leftovers(name)).toEqual([]);
    expect(await bench.driver.list(soon())).toEqual([
      expect.objectContaining({ name: neighbour, state: "up" }),
    ]);
  });

  test("what was destroyed before, or never was, can be destroyed", async () => {
    const { bench, name } = await fresh();
    await bench.driver.start(bench.order(name), soon());
    await bench.driver.destroy(name, soon());

    await bench.driver.destroy(name, soon());
    await bench.driver.destroy(newName(bench), soon());

    expect(await bench.driver.list(soon())).toEqual([]);
  });

  test("a VM that is destroyed while it is ordered leaves nothing", async () => {
    const { bench, name } = await fresh();

    const ordering = Promise.allSettled([bench.driver.start(bench.order(name, "slow"), soon())]);
    await bench.driver.destroy(name, soon());
    await ordering;

    expect(await bench.driver.list(soon())).toEqual([]);
    await expect.poll(() => bench.leftovers(name), { timeout: SOON_MS }).toEqual([]);
  });

  test("a VM that is destroyed while it boots leaves nothing", async () => {
    const { bench, name } = await fresh();
    await bench.driver.start(bench.order(name, "slow"), soon());

    await bench.driver.destroy(name, soon());

    expect(await bench.driver.list(soon())).toEqual([]);
    expect(await bench.leftovers(name)).toEqual([]);
  });

  test("the evidence holds what the VM said on its console", async () => {
    const { bench, name } = await fresh();
    await bench.driver.start(bench.order(name), soon());

    const said = async () => (await bench.driver.evidence(name, soon()))["console.log"];

    await expect.poll(said, { timeout: SOON_MS }).toContain(bench.consoleText);
  });

  test("a VM outlives its driver", async () => {
    const { bench, name } = await fresh();
    await bench.driver.start(bench.order(name), soon());
    await expectState(bench, name, "up");

    await bench.driver.close();

    expect(await bench.leftovers(name)).not.toEqual([]);
  });
}

function guardsOf(fresh: Fresh<unknown>): void {
  test("VMs of others, and of controllers with a similar name, are neither listed nor touched", async () => {
    const { bench } = await fresh();
    const others = ["database", `mayfly-${bench.controller}x-image-a2b3c4d5`];
    const areThere = await Promise.all(others.map((other) => bench.plantVm(other)));

    const listed = await bench.driver.list(soon());
    const destroyed = await Promise.allSettled(others.map((other) => bench.driver.destroy(other, soon())));

    expect(listed).toEqual([]);
    expect(destroyed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    for (const isThere of areThere) expect(await isThere()).toBe(true);
  });

  test("a host that cannot be asked is an error, never an empty list", async ({ skip }) => {
    const { bench, name } = await fresh();
    if (!bench.cutOff) return skip("this host cannot be cut off");
    await bench.driver.start(bench.order(name), soon());
    await bench.cutOff();

    await expect(bench.driver.list(soon())).rejects.toThrow();
  });

  test("the seed's token is in no command line and in no log", async () => {
    const { bench, name } = await fresh();
    const order = bench.order(name);

    await bench.driver.start(order, soon());
    const atStart = await commandLines();
    await expectState(bench, name, "up");
    const whenUp = await commandLines();
    await bench.driver.destroy(name, soon());

    expect(atStart + whenUp).toContain(process.argv[0] ?? "node");
    expect(atStart + whenUp).not.toContain(order.seed.token);
    expect(bench.logged()).not.toContain(order.seed.token);
  });
}

function crashOf<Options>({ module, openBench }: ContractParts<Options>, fresh: Fresh<Options>): void {
  test("a VM whose controller was killed is listed and destroyed by the next one", async () => {
    const { bench, options, name } = await fresh();
    await startAndKill(module, options, name);
    const next = await openBench(options);
    onTestFinished(() => next.driver.close());

    const listed = await next.driver.list(soon());
    await next.driver.destroy(name, soon());

    expect(listed.map((vm) => vm.name)).toEqual([name]);
    expect(await next.driver.list(soon())).toEqual([]);
    expect(await bench.leftovers(name)).toEqual([]);
  });
}

/** Lets another process order the VM, and kills that process at once when the order was accepted. */
async function startAndKill(module: string, options: unknown, name: string): Promise<void> {
  const controller = execa({ reject: false, stderr: "pipe" })(process.execPath, [
    FIRST_CONTROLLER,
    module,
    JSON.stringify(options),
    name,
  ]);
  const said = await Promise.race([once(controller.stdout, "data"), controller]);
  controller.kill("SIGKILL");
  const { stderr } = await controller;
  expect(String(said), stderr).toBe("started\n");
}

const FIRST_CONTROLLER = fileURLToPath(new URL("first-controller.ts", import.meta.url));

const newName = ({ controller }: Bench): string => machineName(controller, "image", randomBytes(8));

async function stateOf({ driver }: Bench, name: string): Promise<VmSeen["state"] | "not listed"> {
  const listed = await driver.list(soon());
  return listed.find((vm) => vm.name === name)?.state ?? "not listed";
}

async function expectState(bench: Bench, name: string, state: VmSeen["state"]): Promise<void> {
  await expect.poll(() => stateOf(bench, name), { timeout: SOON_MS }).toBe(state);
}

/** The command lines of all processes of this machine. */
async function commandLines(): Promise<string> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.join("\n");
}
