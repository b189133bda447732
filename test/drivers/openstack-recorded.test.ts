import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Title } from "../../src/drivers/openstack/call.ts";
import { type CloudServices, cloudServices } from "../../src/drivers/openstack/cloud.ts";
import { saysNoRoom } from "../../src/drivers/openstack/states.ts";
import { type Exchange, readRecorded } from "../rig/openstack/recorded.ts";
import { openDriver } from "./openstack-bench.ts";
import { openStub, type Stub } from "./openstack-stub.ts";

/** What genuine services said (see rig/openstack/record.ts), read by the driver; and whether the stub is like them. */

const recorded = readRecorded();
const soon = () => AbortSignal.timeout(10_000);

const SERVICES = [
  ["Nova", recorded.compute, "nova"],
  ["Glance", recorded.image, "glance"],
  ["Neutron", recorded.network, "neutron"],
] as const satisfies readonly (readonly [Title, Record<string, Exchange>, string])[];

async function fresh(): Promise<{ stub: Stub; cloud: CloudServices }> {
  const stub = await openStub();
  onTestFinished(stub.close);
  const host = { openstack: { securityGroups: [], configDrive: true } };
  return {
    stub,
    cloud: cloudServices(host, systemClock, { env: stub.env, cwd: "/nowhere", home: "/nowhere" }),
  };
}

const refusals = SERVICES.flatMap(([title, exchanges, service]) =>
  Object.entries(exchanges)
    .filter(([, { status }]) => status >= 400 && status !== 401)
    .map(([what, { status, body }]) => ({ title, what, status, body, service })),
);

test.each(refusals)(
  "$title's refusal, $what, is read in its own words",
  async ({ title, status, body, service }) => {
    const { stub, cloud } = await fresh();
    stub.fail(new RegExp(`GET ${service} .*/thing`), { status, body });

    const error = await cloud.session
      .call(title, { method: "GET", path: "/thing" }, soon())
      .catch((e: unknown) => e);

    expect(error).toMatchObject({ name: "CloudError", status });
    const { said } = error as { said: string };
    expect(said).toMatch(/^[A-Za-z][^{<]{10,}/);
    expect(JSON.stringify(body).replaceAll("\\n", " ")).toContain(said.slice(0, 40));
  },
);

test("of all refusals that were recorded, those of quotas say that there is no room", () => {
  const full = refusals.filter(({ body }) => saysNoRoom(JSON.stringify(body))).map(({ what }) => what);

  expect(full).toEqual(["above quota", "floating IP above quota", "port above quota"]);
});

test("a genuine list is read: states, tags, sizes; and a list in pages to its end", async () => {
  const { stub, cloud } = await fresh();
  const { body } = recorded.compute["list page"] as Exchange;
  const last = recorded.compute["list last page"] as Exchange;
  stub.fail(/servers\/detail(?!.*marker)/, { status: 200, body });
  stub.fail(/servers\/detail.*marker/, { status: 200, body: last.body });

  const servers = await cloud.nova.servers("mayfly-controller=recorded", soon());

  expect(servers).toHaveLength(3);
  for (const server of servers) {
    expect(server).toMatchObject({ status: "ACTIVE", cpus: 1, memoryMiB: 256, volumes: [] });
    expect(server.tags).toContain("mayfly-controller=recorded");
  }
});

test("a genuine list of a server in ERROR has no fault, and the look at that server has it", async () => {
  const { stub, cloud } = await fresh();
  const { body } = recorded.compute["list error"] as Exchange;
  stub.fail(/servers\/detail/, { status: 200, body });
  stub.fail(/servers\/some/, { status: 200, body: recorded.compute["show error"]?.body });

  const [listed] = await cloud.nova.servers("mayfly-controller=recorded", soon());
  const shown = await cloud.nova.server("some", soon());

  expect(listed).toMatchObject({ status: "ERROR", fault: undefined });
  expect(shown.fault).toBe("No valid host was found.");
});

test("the stub's answers have no field that a genuine service's have not, and none of another kind", async () => {
  const { stub, cloud } = await fresh();
  const { driver, orderOf } = openDriver({ env: stub.env, place: { floatingNetwork: "external" } });
  onTestFinished(() => driver.close());
  const name = "mayfly-test-image-a2b3c4d5";
  await driver.start(orderOf(name), soon());
  const ask = async (title: (typeof SERVICES)[number][0], path: string) => {
    const headers = { "openstack-api-version": "compute 2.93" };
    return (await cloud.session.call(title, { method: "GET", path, headers }, soon())).body;
  };
  const pairs = [
    ["Nova", "/servers/detail?limit=9", recorded.compute.list],
    ["Nova", "/flavors/detail", recorded.compute.flavors],
    ["Nova", "/limits", recorded.compute.limits],
    ["Nova", "/os-availability-zone", recorded.compute.zones],
    ["Glance", `/images?owner=${(await cloud.session.project(soon())).id}`, recorded.image.list],
    ["Neutron", "/networks", recorded.network.networks],
    ["Neutron", "/subnets", recorded.network.subnets],
    ["Neutron", "/routers", recorded.network.routers],
    ["Neutron", "/security-groups", recorded.network["security groups"]],
    ["Neutron", "/ports", recorded.network.ports],
    ["Neutron", "/floatingips", recorded.network["floating IPs"]],
    ["Neutron", "/quotas/x/details.json", recorded.network.quota],
  ] as const;

  for (const [title, path, exchange] of pairs)
    expect([path, strayIn(await ask(title, path), exchange?.body)]).toEqual([path, []]);
});

/** Fields of ours that theirs has not, or has as another kind of value. `asked`: the stub's own memory. */
function strayIn(ours: unknown, theirs: unknown, at = ""): string[] {
  if (ours === null || theirs === null || ours === "" || theirs === "") return [];
  if (typeof ours !== typeof theirs || Array.isArray(ours) !== Array.isArray(theirs)) return [at];
  if (Array.isArray(ours) && Array.isArray(theirs))
    return theirs.length === 0 ? [] : ours.flatMap((each) => strayIn(each, theirs[0], `${at}[]`));
  if (typeof ours !== "object" || typeof theirs !== "object") return [];
  return Object.entries(ours as object).flatMap(([key, value]) => {
    if (key === "asked" || key === "metadata") return [];
    const path = `${at}.${key}`;
    return key in (theirs as object)
      ? strayIn(value, (theirs as Record<string, unknown>)[key], path)
      : [path];
  });
}
