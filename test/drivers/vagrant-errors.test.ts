import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { expectSeen, fresh, soon, startOf } from "./vagrant-hand.ts";

test("an error of Vagrant's makes a broken VM, with its class and its own words", async () => {
  const { bench } = await fresh();

  const name = await startOf(bench, "stub-fail");

  await expectSeen(bench, name, {
    state: "broken",
    text: "FogLibvirtConnectionError: Error while connecting to Libvirt: no socket\nTry again",
  });
});

test("an error without an error-exit line makes a broken VM, with the last lines", async () => {
  const { bench } = await fresh();

  const name = await startOf(bench, "stub-syntax");

  await expectSeen(bench, name, {
    state: "broken",
    text: expect.stringContaining("There is a syntax error"),
  });
});

test("a bootstrap that fails is told by what it said, not by Vagrant's hint to look above", async () => {
  const { bench } = await fresh();

  const name = await startOf(bench, "stub-bootstrap");

  await expectSeen(bench, name, {
    state: "broken",
    text: expect.stringContaining("install-runner: cannot download it"),
  });
});

test("a Vagrant that fails late makes a broken VM, and destroying it leaves nothing", async () => {
  const { bench } = await fresh();
  const name = await startOf(bench, "stub-late");
  await expectSeen(bench, name, { state: "broken" });

  await bench.driver.destroy(name, soon());

  expect(await bench.leftovers(name)).toEqual([]);
});

test("a host without Vagrant makes a broken VM and a check that says so", async () => {
  const { bench, options } = await fresh();
  const path = process.env.PATH;
  onTestFinished(() => {
    process.env.PATH = path;
  });
  await rm(join(options.root, "bin/vagrant"));
  process.env.PATH = join(options.root, "bin");

  const missing = await bench.driver.check(soon());

  expect(missing.join()).toMatch(/Vagrant cannot be used.*not found on this machine.*script\/setup-host/s);
});
