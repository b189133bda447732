import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPlaces, type Places } from "./namespaces.ts";

const HOST = resolve(import.meta.dirname, "../../vagrant/host");

describe("the firewall of the VMs' network", () => {
  let places: Places;

  beforeAll(async () => {
    places = await openPlaces();
    // NB: twice, since loading it again must do no harm.
    for (const _ of [1, 2]) await places.host.run("nft", "--file", `${HOST}/firewall.nft`);
  });

  afterAll(() => places.close());

  it.each([
    ["the guest listener", "10.77.0.1", 8443],
    ["names, asked for by TCP", "10.77.0.1", 53],
    ["the internet", "203.0.113.2", 443],
    ["the internet, on any port", "203.0.113.2", 22],
  ])("lets a VM reach %s", async (_, address, port) => {
    expect(await places.vm.connects(address, port)).toBe(true);
  });

  it.each([
    ["names", "10.77.0.1", 53],
    ["an address of its own, by broadcast", "255.255.255.255", 67],
    ["an address of its own, again", "10.77.0.1", 67],
    ["the internet's time", "203.0.113.2", 123],
  ])("lets a VM ask for %s", async (_, address, port) => {
    expect(await places.vm.isAnswered(address, port)).toBe(true);
  });

  it.each([
    ["its SSH", "10.77.0.1", 22],
    ["its web listener", "10.77.0.1", 3000],
    ["its libvirt", "10.77.0.1", 16509],
    ["its SSH, at its private address", "192.168.9.1", 22],
    ["its SSH, at its public address", "203.0.113.1", 22],
    ["its SSH, by IPv6", "fd77::1", 22],
    ["its SSH, by the link's IPv6", "fe80::1%eth0", 22],
    ["its SSH, at its public IPv6 address", "2001:db8::1", 22],
    ["its guest listener by IPv6, which nobody needs", "fd77::1", 8443],
  ])("keeps a VM from the rest of the host: %s", async (_, address, port) => {
    const { host, vm } = places;
    expect(await host.connects(address.replace("%eth0", "%mayfly0"), port), "somebody listens").toBe(true);

    expect(await vm.connects(address, port)).toBe(false);
  });

  it.each([
    ["its time", "10.77.0.1", 123],
    ["its services by multicast DNS", "10.77.0.1", 5353],
  ])("keeps a VM from asking the host for %s", async (_, address, port) => {
    expect(await places.host.isAnswered(address, port), "somebody listens").toBe(true);

    expect(await places.vm.isAnswered(address, port)).toBe(false);
  });

  it.each([
    ["a cloud's metadata", "169.254.169.254", 80],
    ["10.0.0.0/8", "10.1.2.3", 443],
    ["172.16.0.0/12, at its beginning", "172.16.0.5", 443],
    ["172.16.0.0/12, at its end", "172.31.255.250", 443],
    ["192.168.0.0/16", "192.168.9.2", 443],
    ["the provider's range", "100.64.0.5", 443],
    ["the range of protocols", "192.0.0.5", 443],
    ["the range of benchmarks", "198.18.0.5", 443],
    ["the internet's IPv6, which would go round all this", "2001:db8::2", 443],
  ])("keeps a VM from %s", async (_, address, port) => {
    const { host, vm } = places;
    expect(await host.connects(address, port), "somebody listens").toBe(true);

    expect(await vm.connects(address, port)).toBe(false);
  });

  it("keeps a VM from a metadata service on the host itself", async () => {
    const { host, vm } = places;
    await host.run("ip", "address", "add", "169.254.169.254/32", "dev", "mayfly0");

    const reached = await vm.connects("169.254.169.254", 80);
    await host.run("ip", "address", "delete", "169.254.169.254/32", "dev", "mayfly0");

    expect(reached).toBe(false);
  });

  it.each([
    ["", "10.77.0.1"],
    [" by IPv6", "fd77::1"],
  ])(
    "VMs do not reach each other%s, neither straight nor, of one mind, by way of the host",
    async (_, gateway) => {
      const { vm, otherVm } = places;
      const [own, other] = [`${gateway}0`, `${gateway}1`];
      expect(await otherVm.connects(other, 22), "somebody listens").toBe(true);

      const straight = await vm.connects(other, 22);
      await vm.run("ip", "route", "add", other, "via", gateway);
      await otherVm.run("ip", "route", "add", own, "via", gateway);
      const byWayOfHost = await vm.connects(other, 22);

      expect([straight, byWayOfHost]).toEqual([false, false]);
    },
  );

  it("lets the host reach a VM", async () => {
    expect(await places.host.connects("10.77.0.10", 22)).toBe(true);
  });

  it("leaves everybody else alone", async () => {
    const { host, beside } = places;

    expect(await beside.connects("192.168.9.1", 22)).toBe(true);
    expect(await beside.connects("2001:db8::1", 22)).toBe(true);
    expect(await host.connects("192.168.9.2", 80)).toBe(true);
  });
});

it("firewall and network are of one bridge, whose VMs are kept apart", () => {
  const network = readFileSync(`${HOST}/network.xml`, "utf8");
  const rules = readFileSync(`${HOST}/firewall.nft`, "utf8");

  expect(network).toContain("<bridge name='mayfly0'");
  expect(rules.match(/iifname != "(\w+)"/g)).toEqual(['iifname != "mayfly0"', 'iifname != "mayfly0"']);
  expect(network).toContain("<port isolated='yes'/>");
});
