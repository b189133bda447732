import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import type { CloudPlace } from "../../src/core/clouds.ts";
import { machineName } from "../../src/core/name.ts";
import type { Image } from "../../src/core/types.ts";
import { NoRoom } from "../../src/ports.ts";
import { signIn } from "../rig/openstack/api.ts";
import { openDriver } from "./openstack-bench.ts";
import { FAMILY, freshHost, openBench, rigOf } from "./openstack-rig-bench.ts";

/** What the contract of all drivers does not ask, on a genuine cloud. */

/** The rig's smallest flavor. */
const TINY = { cpus: 1, memoryMiB: 256 };

const soon = () => AbortSignal.timeout(60_000);
const waiting = { timeout: 60_000, interval: 500 };

async function fresh(place: Partial<CloudPlace> = {}, images?: readonly Partial<Image>[]) {
  const options = await freshHost(place, images);
  const bench = await openBench(options);
  onTestFinished(bench.close);
  const name = machineName(options.controller, "image", randomBytes(8));
  return { ...bench, ...rigOf(options), options, name };
}

const byFamily = (more: Partial<Image> = {}): Partial<Image>[] => [
  { cloudImage: { family: FAMILY }, ...more },
];

/** A network that belongs to the project itself, with no router. */
async function ownNetwork({ demo }: Awaited<ReturnType<typeof fresh>>["cloud"]): Promise<string> {
  const name = `own-${randomBytes(4).toString("hex")}`;
  const made = await demo.call("network", "POST", "/v2.0/networks", { body: { network: { name } } });
  const { id } = (made.body as { network: { id: string } }).network;
  const subnet = { network_id: id, ip_version: 4, cidr: "10.99.0.0/24", enable_dhcp: false };
  await demo.call("network", "POST", "/v2.0/subnets", { body: { subnet } });
  onTestFinished(async () => void (await demo.call("network", "DELETE", `/v2.0/networks/${id}`)));
  return id;
}

test("a machine with a fixed MAC address has it, by a port that goes with it", async () => {
  const { cloud, options, name } = await fresh();
  const network = await ownNetwork(cloud);
  const { driver, orderOf, leftovers } = await openBench({ ...options, place: { network } });
  onTestFinished(() => driver.close());

  await driver.start(orderOf(name, { mac: "52:54:00:12:34:56" }), soon());
  const { servers } = await cloud.demo.get<{ servers: object[] }>("compute", "/servers/detail");
  const { ports } = await cloud.demo.get<{ ports: object[] }>("network", "/v2.0/ports");
  await driver.destroy(name, soon());

  expect(ports).toMatchObject([
    {
      name,
      mac_address: "52:54:00:12:34:56",
      network_id: network,
      tags: expect.arrayContaining([`mayfly-controller=${options.controller}`]),
    },
  ]);
  expect(servers).toHaveLength(1);
  expect(await leftovers(name)).toEqual([]);
});

test("a machine has an address outside, and both it and its port go with the machine", async () => {
  const { driver, orderOf, leftovers, name } = await fresh({ floatingNetwork: "external" });

  await driver.start(orderOf(name), soon());
  const made = await leftovers(name);
  await expect.poll(() => driver.list(soon()), waiting).toMatchObject([{ name, state: "up" }]);
  await driver.destroy(name, soon());

  expect(made).toHaveLength(3);
  expect(await leftovers(name)).toEqual([]);
  expect(await driver.list(soon())).toEqual([]);
});

test("a port whose server is gone is listed by the next driver, and removed by it", async () => {
  const { driver, orderOf, leftovers, name, options, cloud } = await fresh({ floatingNetwork: "external" });
  await driver.start(orderOf(name), soon());
  const { servers } = await cloud.demo.get<{ servers: { id: string }[] }>("compute", "/servers");
  for (const { id } of servers) await cloud.demo.call("compute", "DELETE", `/servers/${id}`);
  const next = await openBench(options);
  onTestFinished(() => next.driver.close());

  await expect.poll(() => next.driver.list(soon()), waiting).toMatchObject([{ name, state: "off" }]);
  await next.driver.destroy(name, soon());

  expect(await leftovers(name)).toEqual([]);
});

test("a server for which there is no hypervisor is broken for want of room, in Nova's own words", async () => {
  const { driver, orderOf, name } = await fresh(
    {},
    byFamily({ cloudImage: { family: FAMILY, flavor: "m1.huge" } }),
  );

  await driver.start(orderOf(name), soon());

  await expect
    .poll(() => driver.list(soon()), waiting)
    .toEqual([
      {
        ...{ name, state: "broken", text: "Nova: No valid host was found.", isNoRoom: true },
        cloudImage: expect.any(String),
      },
    ]);
  expect((await driver.evidence(name, soon()))["nova.log"]).toContain("No valid host was found");
});

test("a quota that is used up is no room, and is what the capacity and the check say", async () => {
  const { driver, orderOf, name, cloud } = await fresh();
  onTestFinished(await cloud.setQuota({ instances: 0, cores: 3, ram: 1024 }));

  const error = await driver.start(orderOf(name), soon()).catch((thrown: unknown) => thrown);
  const room = await driver.capacity?.(soon());
  const faults = await driver.check(soon());

  expect(error).toBeInstanceOf(NoRoom);
  expect(String(error)).toContain("Quota exceeded for instances");
  expect(room).toEqual({ machines: 0, cpus: 3, memoryMiB: 1024, sizes: { image: TINY } });
  expect(faults).toEqual([expect.stringContaining("The project's quota leaves too little for one machine")]);
});

test("a quota of addresses that is used up is no room, and nothing is left of the try", async () => {
  const { driver, orderOf, leftovers, name, cloud } = await fresh({ floatingNetwork: "external" });
  onTestFinished(await cloud.setQuota({ floatingip: 0 }));

  await expect(driver.start(orderOf(name), soon())).rejects.toBeInstanceOf(NoRoom);
  expect(await driver.capacity?.(soon())).toMatchObject({ machines: 0 });
  await driver.destroy(name, soon());

  expect(await leftovers(name)).toEqual([]);
});

test("our own machines do not count against their capacity, and those of others do", async () => {
  const { driver, orderOf, plantVm, name, cloud } = await fresh();
  onTestFinished(await cloud.setQuota({ instances: 5, cores: 8, ram: 4096 }));
  await plantVm("database");

  await driver.start(orderOf(name), soon());

  await expect
    .poll(() => driver.capacity?.(soon()), waiting)
    .toEqual({ machines: 4, cpus: 7, memoryMiB: 3840, sizes: { image: TINY } });
});

test("a candidate is promoted and another one turned back, and machines are made from the promoted one", async () => {
  const { driver, orderOf, name, cloud } = await fresh();
  const tags = [`mayfly:${FAMILY}:candidate`];
  const fields = { mayfly_runner_version: "2.337.0", mayfly_built_at: "2026-11-20T10:00:00Z" };
  const good = await cloud.addImage({ name: "good", tags, fields });
  const bad = await cloud.addImage({ name: "bad", tags });

  await driver.cloudImages?.promote({ family: FAMILY, id: good }, soon());
  await driver.cloudImages?.turnBack({ family: FAMILY, id: bad }, soon());
  await driver.start(orderOf(name), soon());

  const standings = (await driver.cloudImages?.list(soon()))?.map((image) => [image.name, image.standing]);
  expect(new Map(standings as [string, string][])).toEqual(
    new Map([
      ["contract", "old"],
      ["good", "current"],
      ["bad", "old"],
    ]),
  );
  const { servers } = await cloud.demo.get<{ servers: { image: { id: string } }[] }>(
    "compute",
    "/servers/detail",
  );
  expect(servers.map(({ image }) => image.id)).toEqual([good]);
});

test("a candidate whose promotion was cut short gives its place back when it is turned back", async () => {
  const { driver, front, cloud } = await fresh();
  const next = await cloud.addImage({ name: "next", tags: [`mayfly:${FAMILY}:candidate`] });
  front.fail(/^PUT .*tags.*old/, 500, { error: { message: "cut short" } });
  await expect(driver.cloudImages?.promote({ family: FAMILY, id: next }, soon())).rejects.toThrow(
    "cut short",
  );
  const unfinished = await driver.cloudImages?.list(soon());

  await driver.cloudImages?.turnBack({ family: FAMILY, id: next }, soon());

  const listed = await driver.cloudImages?.list(soon());
  const standings = (images: typeof listed) => images?.map(({ name, standing }) => `${name} ${standing}`);
  expect(standings(unfinished)?.toSorted()).toEqual(["contract current", "next candidate"]);
  expect(standings(listed)?.toSorted()).toEqual(["contract current", "next old"]);
});

test("a server that somebody renamed is still its machine, and is removed", async () => {
  const { driver, orderOf, leftovers, name, cloud } = await fresh();
  await driver.start(orderOf(name), soon());
  const { servers } = await cloud.demo.get<{ servers: { id: string }[] }>("compute", "/servers");
  for (const { id } of servers)
    await cloud.demo.call("compute", "PUT", `/servers/${id}`, { body: { server: { name: "precious" } } });

  const listed = await driver.list(soon());
  await driver.destroy(name, soon());

  expect(listed).toMatchObject([{ name }]);
  expect(await leftovers(name)).toEqual([]);
  expect((await cloud.demo.get<{ servers: object[] }>("compute", "/servers")).servers).toEqual([]);
});

test("two hosts in one project see each its own machines, ports and addresses", async () => {
  const { driver, orderOf, name, options } = await fresh({ floatingNetwork: "external" });
  const second = openDriver({ ...options, hostName: "second", images: byFamily() });
  onTestFinished(() => second.driver.close());
  await driver.start(orderOf(name), soon());

  const there = await second.driver.list(soon());
  const here = await driver.list(soon());
  await driver.destroy(name, soon());

  expect(there).toEqual([]);
  expect(here).toMatchObject([{ name }]);
});

test("two current images, and a flavor that is too small for one, are what the check says", async () => {
  const small = byFamily({ cloudImage: { family: FAMILY, flavor: "m1.tiny" } });
  const { driver, cloud } = await fresh({}, small);
  const second = await cloud.addImage({ name: "second", tags: [`mayfly:${FAMILY}:current`] });
  const two = await driver.check(soon());
  await cloud.demo.call("image", "DELETE", `/v2/images/${second}`);
  const { images } = await cloud.demo.get<{ images: { id: string }[] }>(
    "image",
    `/v2/images?tag=mayfly:${FAMILY}:current`,
  );
  await cloud.demo.call("image", "PATCH", `/v2/images/${images[0]?.id}`, {
    body: [{ op: "replace", path: "/min_disk", value: 5 }],
    headers: { "content-type": "application/openstack-images-v2.1-json-patch" },
  });

  const tooSmall = await driver.check(soon());

  expect(two).toEqual([expect.stringContaining(second)]);
  expect(tooSmall).toEqual([expect.stringMatching(/The flavor m1\.tiny is too small/)]);
});

test("a network of the project's own that no router joins is what the check says", async () => {
  const { cloud, options } = await fresh();
  const network = await ownNetwork(cloud);
  const { driver } = await openBench({ ...options, place: { ...options.place, network } });
  onTestFinished(() => driver.close());

  expect(await driver.check(soon())).toEqual([expect.stringContaining("No router joins the network")]);
});

test("an application credential that has expired is what the check says", async () => {
  const { cloud, options } = await fresh();
  const expires_at = new Date(Date.now() + 2000).toISOString().replace("Z", "");
  const body = { application_credential: { name: randomBytes(4).toString("hex"), expires_at } };
  const path = `/users/${cloud.demo.userId}/application_credentials`;
  const user = await signIn(cloud.cloudsFile, "lab-password");
  const made = await user.call("identity", "POST", path, { body });
  const { id, secret } = (made.body as { application_credential: { id: string; secret: string } })
    .application_credential;
  const env = { ...options.env, OS_APPLICATION_CREDENTIAL_ID: id, OS_APPLICATION_CREDENTIAL_SECRET: secret };
  const { driver } = openDriver({ env });
  onTestFinished(() => driver.close());

  await expect
    .poll(() => driver.check(soon()), waiting)
    .toEqual([expect.stringMatching(/^Keystone refuses the application credential .*it has expired/)]);
});

const passing = [
  [
    "409",
    409,
    { conflictingRequest: { code: 409, message: "Cannot 'delete' instance while it is in task_state x" } },
  ],
  ["500", 500, { computeFault: { code: 500, message: "Unexpected API Error." } }],
] as const;

test.each(passing)(
  "a removal that is answered with %s is tried again until the server is gone",
  async (_what, status, body) => {
    const { driver, orderOf, leftovers, front, name } = await fresh();
    await driver.start(orderOf(name), soon());
    front.fail(/^DELETE .*servers/, status, body, 2);

    await driver.destroy(name, soon());

    expect(await leftovers(name)).toEqual([]);
  },
);

test("a server that somebody else deletes is not listed any more, and can be destroyed", async () => {
  const { driver, orderOf, name, cloud } = await fresh();
  await driver.start(orderOf(name), soon());
  await expect.poll(() => driver.list(soon()), waiting).toMatchObject([{ state: "up" }]);
  const { servers } = await cloud.demo.get<{ servers: { id: string }[] }>("compute", "/servers");
  for (const { id } of servers) await cloud.demo.call("compute", "DELETE", `/servers/${id}`);

  await expect.poll(() => driver.list(soon()), waiting).toEqual([]);

  await driver.destroy(name, soon());
});

test("a token that is revoked in the middle of a pass is replaced", async () => {
  const { driver, orderOf, front, name, cloud } = await fresh();
  await driver.list(soon());
  const token = front.token();
  const headers = { "x-auth-token": token, "x-subject-token": token };
  const revoked = await cloud.demo.call("identity", "DELETE", "/auth/tokens", { headers });
  const [listed] = await Promise.all([driver.list(soon()), driver.start(orderOf(name), soon())]);

  expect(revoked.status).toBe(204);
  expect(listed.length).toBeLessThanOrEqual(1);
  expect(front.calls.filter((call) => call.includes("/auth/tokens"))).toHaveLength(2);
});
