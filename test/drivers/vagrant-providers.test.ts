import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { OS_NAMES, SYSTEMS } from "../../src/core/systems.ts";
import { cloudVariables } from "../../src/drivers/vagrant-openstack.ts";
import type { Clock } from "../../src/ports.ts";
import { fakeClock } from "../support/clock.ts";
import { calls, expectMade, expectSeen, fresh, newName, seen, soon, startOf } from "./vagrant-hand.ts";

describe("virtualbox", () => {
  const onVirtualBox = () => fresh({ host: { provider: "virtualbox" } });

  test("a VM is up, its seed went over SSH, and destroyed it leaves nothing", async () => {
    const { bench } = await onVirtualBox();
    const name = await startOf(bench, "stub");
    await expectMade(bench, name);
    const order = await readFile(join(bench.folder, "machines", name, "order.json"), "utf8");

    await bench.driver.destroy(name, soon());

    expect(JSON.parse(order)).toMatchObject({ bootstrap: { to: "/tmp/mayfly" } });
    expect(await readdir(join(bench.state, "vbox"))).toEqual([]);
    expect(await bench.leftovers(name)).toEqual([]);
  });

  test.each(OS_NAMES)(
    "a VM with %s gets its system's guest program and seed, and the script that puts them in place",
    async (os) => {
      const { bench } = await onVirtualBox();
      const name = await startOf(bench, "stub", { os });

      await expectMade(bench, name);

      const { upload, bootstrap, folders, shell, vagrantGuest } = SYSTEMS[os];
      const order = JSON.parse(await readFile(join(bench.folder, "machines", name, "order.json"), "utf8"));
      expect(order).toMatchObject({ guest: vagrantGuest, bootstrap: { to: upload, shell } });
      expect(order.bootstrap.script).toMatch(new RegExp(`/vagrant/${bootstrap}$`));
      await expect(stat(order.bootstrap.script)).resolves.toBeDefined();
      const uploaded = (await readFile(join(bench.state, "uploaded"), "utf8")).trim().split("\n");
      expect(uploaded.sort()).toEqual([...folders, "runner.lock.json", "seed.json"].sort());
    },
  );

  test("a VM whose folder is lost is listed and destroyed", async () => {
    const { bench } = await onVirtualBox();
    const name = await startOf(bench, "stub");
    await expectMade(bench, name);
    for (const lost of ["machines", "dot"]) await rm(join(bench.folder, lost), { recursive: true });

    const listed = await seen(bench, name);
    await bench.driver.destroy(name, soon());

    expect(listed).toMatchObject({ state: "up" });
    expect(await readdir(join(bench.state, "vbox"))).toEqual([]);
  });

  test.each([
    ["running", "up"],
    ["poweroff", "off"],
    ["aborted", "broken"],
    ["gurumeditation", "broken"],
    ["restoring", "building"],
    ["no such word", "unknown"],
    ["constructor", "unknown"],
  ])("%s is %s", async (word, state) => {
    const { bench } = await onVirtualBox();
    const name = newName();
    await writeFile(join(bench.state, "vbox", name), word);

    expect(await seen(bench, name)).toMatchObject({ state });
  });

  test("VMs of others are neither listed nor touched", async () => {
    const { bench } = await onVirtualBox();
    await writeFile(join(bench.state, "vbox", "somebody's desktop"), "running");

    expect(await bench.driver.list(soon())).toEqual([]);
  });

  test("a VirtualBox that cannot be asked is an error, never an empty list", async () => {
    const { bench, options } = await onVirtualBox();
    await writeFile(
      join(options.root, "bin/VBoxManage"),
      "#!/bin/sh\necho 'VBoxSVC is not there' >&2\nexit 1\n",
    );

    await expect(bench.driver.list(soon())).rejects.toThrow("VBoxSVC is not there");
    expect((await bench.driver.check(soon())).join()).toContain("VirtualBox cannot be used");
  });
});

describe("providers that only Vagrant knows", () => {
  const onQemu = (clock?: Clock) => fresh({ host: { provider: "qemu" }, ...(clock && { clock }) });

  test("a VM is up, and destroyed it leaves nothing", async () => {
    const { bench } = await onQemu();
    const name = await startOf(bench, "stub");
    await expectMade(bench, name);

    await bench.driver.destroy(name, soon());

    expect(await readdir(join(bench.state, "other"))).toEqual([]);
    expect(await bench.leftovers(name)).toEqual([]);
  });

  test("a machine that another Vagrant works on is destroyed when that has ended", async () => {
    const { bench } = await onQemu();
    const name = await startOf(bench, "stub");
    await expectMade(bench, name);
    await writeFile(join(bench.state, "locked"), "");

    await bench.driver.destroy(name, soon());

    expect(await readdir(join(bench.state, "other"))).toEqual([]);
    expect(await calls(bench, "destroy")).toHaveLength(2);
  });

  test("a VM whose folder is lost is found in Vagrant's index and destroyed", async () => {
    const { bench } = await onQemu();
    const name = await startOf(bench, "stub");
    await expectMade(bench, name);
    await rm(join(bench.folder, "machines"), { recursive: true });

    const listed = await seen(bench, name);
    await bench.driver.destroy(name, soon());

    expect(listed).toMatchObject({ state: "up" });
    expect(await readdir(join(bench.state, "other"))).toEqual([]);
  });

  test.each([
    ["stopped", "off"],
    ["aborted", "broken"],
    ["no such word", "unknown"],
    ["constructor", "unknown"],
  ])("%s is %s", async (word, state) => {
    const clock = fakeClock();
    const { bench } = await onQemu(clock);
    const name = await startOf(bench, "stub");
    await expectMade(bench, name);
    await writeFile(join(bench.state, "other", name), word);
    await clock.advance(20_000);

    expect(await seen(bench, name)).toMatchObject({ state });
  });

  test("Vagrant is asked about a machine once in a while only, for it takes a second of CPU", async () => {
    const { bench } = await onQemu();
    const name = await startOf(bench, "stub");
    await expectMade(bench, name);
    const before = (await calls(bench, "status")).length;

    for (let look = 0; look < 3; look += 1) await expectSeen(bench, name, { state: "up" });

    expect((await calls(bench, "status")).length).toBe(before);
  });
});

describe("openstack through Vagrant's plug-in, the old way", () => {
  const CLOUD = {
    OS_AUTH_URL: "https://cloud.example.org:5000/v3",
    OS_USERNAME: "spinw",
    OS_PASSWORD: "hunter2",
    OS_PROJECT_NAME: "SpinW_CI",
  };

  /** The driver takes the cloud's variables from our own environment. */
  async function onOpenstack(variables: Record<string, string> = CLOUD) {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    return await fresh({ host: { provider: "openstack" } });
  }

  test("a VM is up with its seed as user data, and destroyed it leaves nothing", async () => {
    const { bench } = await onOpenstack();
    const name = await startOf(bench, "stub", { prepared: true });
    await expectMade(bench, name);
    const [mark, seed] = (await readFile(join(bench.state, "user-data"), "utf8")).split("\n");
    const kept = await readdir(join(bench.folder, "machines", name));
    const order = await readFile(join(bench.folder, "machines", name, "order.json"), "utf8");

    await bench.driver.destroy(name, soon());

    expect(mark).toBe("MAYFLYSEED1");
    expect(JSON.parse(seed ?? "")).toMatchObject({ machine: name, token: `token-of-${name}` });
    expect(kept).not.toContain("user-data");
    expect(order).not.toContain("token-of");
    expect(await readdir(join(bench.state, "other"))).toEqual([]);
    expect(await bench.leftovers(name)).toEqual([]);
  });

  test("Vagrant gets what it signs in with", async () => {
    const { bench } = await onOpenstack();
    await expectMade(bench, await startOf(bench, "stub", { prepared: true }));

    const given = (await readFile(join(bench.state, "cloud-env"), "utf8")).trim().split("\n").sort();

    expect(given).toEqual(
      Object.entries(CLOUD)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  test("other providers' Vagrants get nothing of it", () => {
    expect(cloudVariables("qemu", CLOUD)).toEqual({});
    expect(cloudVariables("openstack", { ...CLOUD, PATH: "/bin" })).toEqual(CLOUD);
  });

  test("a box that does not hold the guest program is refused: nobody could bring it there", async () => {
    const { bench } = await onOpenstack();

    const name = await startOf(bench, "stub", { prepared: false });

    await expectSeen(bench, name, {
      state: "broken",
      text: expect.stringContaining("a VM on a cloud cannot be given it"),
    });
  });

  test.each([
    ["active", "up"],
    ["build", "building"],
    ["error", "broken"],
    ["shutoff", "off"],
  ])("%s is %s", async (word, state) => {
    const clock = fakeClock();
    for (const [name, value] of Object.entries(CLOUD)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { bench } = await fresh({ host: { provider: "openstack" }, clock });
    const name = await startOf(bench, "stub", { prepared: true });
    await expectMade(bench, name);
    await writeFile(join(bench.state, "other", name), word);
    await clock.advance(20_000);

    expect(await seen(bench, name)).toMatchObject({ state });
  });

  test("it is said that the plug-in is not there, and what else is missing", async () => {
    const { bench } = await onOpenstack({ OS_AUTH_URL: "https://cloud.example.org:5000/v3" });

    const faults = await bench.driver.check(soon());

    expect(faults.join()).toContain("Vagrant has no plug-in vagrant-openstack-provider");
    expect(faults.join()).toContain("OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME");
  });
});
