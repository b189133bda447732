import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { openDriver } from "../drivers/openstack-bench.ts";
import { openStub } from "../drivers/openstack-stub.ts";
import { stubImage } from "../drivers/openstack-stub-world.ts";

/** What `create-app-credential.sh --restrict` allows. That clouds heed it: scripts.openstack.ts. */

type Rule = { service: string; method: string; path: string };
const RULES: readonly Rule[] = JSON.parse(readFileSync("openstack/access-rules.json", "utf8"));

/** By the service's own name: its types, one of which a cloud uses. */
const TYPES: Record<string, readonly string[]> = {
  nova: ["compute"],
  glance: ["image"],
  neutron: ["network"],
  cinder: ["volumev3", "block-storage"],
};

/** See: keystonemiddleware, `_path_matches`: ** is anything, * is anything but a slash. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll("**", "\0").replaceAll("*", "[^/]+").replaceAll("\0", ".*")}$`);

const isAllowed = (type: string, method: string, path: string): boolean =>
  RULES.some((rule) => rule.service === type && rule.method === method && patternOf(rule.path).test(path));

/** Calls as the stub tells them, `GET nova /v2.1/servers/detail?tags=…`, that the rules do not allow. */
const refused = (calls: readonly string[]): string[] =>
  calls.filter((call) => {
    const [method = "", service = "", rest = ""] = call.split(" ");
    const [path = ""] = rest.split("?");
    // NB: the stub's Cinder has no version before its paths, and each genuine one has.
    const whole = service === "cinder" ? `/v3/${"1".repeat(32)}${path}` : path;
    return TYPES[service]?.every((type) => isAllowed(type, method, whole)) === false;
  });

test("the rules allow all that the driver does in a machine's life, and with images", async () => {
  const stub = await openStub();
  const [now, next] = [
    stubImage("now", ["mayfly:image:current"]),
    stubImage("next", ["mayfly:image:candidate"]),
  ];
  stub.world.images = [now, next];
  const { driver, orderOf } = openDriver({
    env: stub.env,
    place: {
      network: "mayfly",
      securityGroups: ["mayfly"],
      floatingNetwork: "external",
      volume: { sizeGiB: 10, type: "ssd" },
      availabilityZone: "nova",
    },
  });
  onTestFinished(async () => {
    await driver.close();
    await stub.close();
  });
  const soon = () => AbortSignal.timeout(10_000);
  const name = "mayfly-test-image-aaaaaaaa";

  await driver.check(soon());
  await driver.start(orderOf(name, { mac: "52:54:00:12:34:56" }), soon());
  const volume = randomUUID();
  for (const server of stub.world.servers) {
    server.status = "ERROR";
    server["os-extended-volumes:volumes_attached"] = [{ id: volume, delete_on_termination: true }];
  }
  stub.world.volumes = [{ id: volume, status: "available" }];
  await driver.list(soon());
  await driver.evidence(name, soon());
  await driver.destroy(name, soon());
  await driver.cloudImages?.list(soon());
  await driver.cloudImages?.promote({ family: "image", id: String(next.id) }, soon());
  await driver.cloudImages?.turnBack({ family: "image", id: String(now.id) }, soon());

  const calls = [
    /POST nova .*\/servers$/,
    /POST neutron .*\/ports/,
    /GET cinder .*types/,
    /DELETE cinder/,
    /PATCH glance/,
  ];
  for (const call of [...calls, /PUT glance .*tags/, /DELETE glance .*tags/])
    expect(
      stub.calls.some((made) => call.test(made)),
      String(call),
    ).toBe(true);
  expect(refused(stub.calls)).toEqual([]);
});

test.each([
  ["a key pair is listed", "GET nova /v2.1/os-keypairs"],
  ["a server is made into an image of others", "PUT nova /v2.1/servers/x"],
  ["an image is deleted", "DELETE glance /v2/images/x"],
  ["an image is uploaded", "PUT glance /v2/images/x/file"],
  ["a network is made", "POST neutron /v2.0/networks"],
  ["a security group is opened", "POST neutron /v2.0/security-group-rules"],
  ["a quota is changed", "PUT neutron /v2.0/quotas/x"],
])("the rules do not allow that %s", (_what, call) => {
  expect(refused([call])).toEqual([call]);
});
