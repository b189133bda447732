import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { CloudError } from "../../src/drivers/openstack/call.ts";
import { type CloudServices, cloudServices } from "../../src/drivers/openstack/cloud.ts";
import { wireOf } from "../../src/drivers/openstack/wire.ts";
import { openAuthority } from "../../src/guest/authority.ts";
import type { Clock } from "../../src/ports.ts";
import { fakeClock } from "../support/clock.ts";
import { openStub, type Stub } from "./openstack-stub.ts";

const soon = () => AbortSignal.timeout(10_000);

async function fresh(
  clock: Clock = systemClock,
  env: Record<string, string> = {},
): Promise<{ stub: Stub; cloud: CloudServices }> {
  const stub = await openStub();
  onTestFinished(stub.close);
  const host = { openstack: { securityGroups: [], configDrive: true } };
  const places = { env: { ...stub.env, ...env }, cwd: "/nowhere", home: "/nowhere" };
  return { stub, cloud: cloudServices(host, clock, places) };
}

const signIns = ({ calls }: Stub): number => calls.filter((call) => call.includes("/auth/tokens")).length;

test("many calls need one token, also when they begin together", async () => {
  const { stub, cloud } = await fresh();

  await Promise.all([
    cloud.nova.flavors(soon()),
    cloud.nova.limits(soon()),
    cloud.neutron.networks({}, soon()),
  ]);
  await cloud.nova.flavors(soon());

  expect(signIns(stub)).toBe(1);
});

test("a token is renewed before its end, and not earlier", async () => {
  const clock = fakeClock(Date.now());
  const { stub, cloud } = await fresh(clock);
  await cloud.nova.flavors(soon());

  await clock.advance(50 * 60_000);
  await cloud.nova.flavors(soon());
  const before = signIns(stub);
  await clock.advance(6 * 60_000);
  await cloud.nova.flavors(soon());

  expect([before, signIns(stub)]).toEqual([1, 2]);
});

test("a token that ends in the middle is replaced once, and the call is made again", async () => {
  const { stub, cloud } = await fresh();
  await cloud.nova.flavors(soon());
  stub.endTokens();

  const flavors = await cloud.nova.flavors(soon());

  expect(flavors).toHaveLength(3);
  expect(signIns(stub)).toBe(2);
});

test("a service that refuses each token is believed the second time", async () => {
  const { stub, cloud } = await fresh();
  stub.fail(/flavors/, { status: 401, body: { error: { message: "no" } } }, 9);

  await expect(cloud.nova.flavors(soon())).rejects.toMatchObject({ name: "CloudError", status: 401 });

  expect(signIns(stub)).toBe(2);
});

test("one who leaves does not take the token from the others who wait for it", async () => {
  const { cloud } = await fresh();
  const leaving = new AbortController();

  const left = cloud.nova.flavors(leaving.signal);
  const stays = cloud.nova.flavors(soon());
  leaving.abort(new Error("enough"));

  await expect(left).rejects.toThrow("enough");
  expect(await stays).toHaveLength(3);
});

test("an error has the service's own words, its request's id, and when it may be asked again", async () => {
  const { stub, cloud } = await fresh();
  const words = { overLimit: { code: 413, message: "This request was rate-limited." } };
  stub.fail(/limits/, { status: 413, body: words, headers: { "retry-after": "7" } });

  const error = await cloud.nova.limits(soon()).catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(CloudError);
  expect(error).toMatchObject({ status: 413, said: "This request was rate-limited.", retryAfterMs: 7000 });
  expect(String(error)).toMatch(/Nova answered GET \/limits with 413: This request.* \(req-\d+\)/);
});

test("each service's way to word a refusal is understood", async () => {
  const { stub, cloud } = await fresh();
  const ways = [
    { NeutronError: { type: "OverQuota", message: "Quota exceeded for resources: ['port'].", detail: "" } },
    { badRequest: { code: 400, message: "Quota exceeded for resources: ['port']." } },
    "<html><head><title>403 x</title></head><body><h1>403 x</h1>\n Quota exceeded for resources: ['port'].<br /></body></html>",
  ];

  for (const body of ways) {
    stub.fail(/networks/, { status: 409, body });
    await expect(cloud.neutron.networks({}, soon())).rejects.toMatchObject({
      said: "Quota exceeded for resources: ['port'].",
    });
  }
});

test("a secret that a service repeats is not repeated, not even a piece of it", async () => {
  const { stub, cloud } = await fresh();
  const secret = Buffer.from("MAYFLYSEED1 token-of-a-machine-0123456789").toString("base64");
  const message = `Invalid input for field/attribute user_data. Value: ${secret.slice(0, 40)}... is too long`;
  stub.fail(/POST nova/, { status: 400, body: { badRequest: { code: 400, message } } });

  const error = await cloud.nova.create({ body: {}, secrets: [secret] }, soon()).catch(String);

  expect(error).toContain("Value: ***");
  expect(error).not.toContain(secret.slice(0, 12));
});

test("a wrong password is refused, and is in no error", async () => {
  const { cloud } = await fresh(systemClock, { OS_PASSWORD: "wrong-password" });

  const error = await cloud.nova.flavors(soon()).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ title: "Keystone", status: 401 });
  expect(JSON.stringify(error) + String(error)).not.toContain("wrong-password");
});

test("a service that does not answer is given up in time", async () => {
  const clock = fakeClock(Date.now());
  const { stub, cloud } = await fresh(clock);
  await cloud.nova.version(soon());
  stub.fail(/flavors/, "silence");

  const asked = cloud.nova.flavors(soon());
  const outcome = expect(asked).rejects.toThrow(
    /Nova .* did not answer GET \/flavors\/detail: no answer within 20 s/,
  );
  await expect.poll(() => stub.calls.at(-1)).toMatch(/flavors/);
  await clock.advance(21_000);

  await outcome;
});

test("a catalogue without the region, or with several, is a wrong set-up that names them", async () => {
  const one = await fresh(systemClock, { OS_REGION_NAME: "Nowhere" });
  const several = await fresh();
  several.stub.world.regions = ["North", "South"];

  await expect(one.cloud.nova.flavors(soon())).rejects.toThrow(
    /no Nova .*region Nowhere; it has: public in RegionOne/,
  );
  await expect(several.cloud.nova.flavors(soon())).rejects.toThrow(/several regions \(North, South\)/);
});

test("the newest microversion that both know is spoken, and a Nova without tags at creation is refused", async () => {
  const { stub, cloud } = await fresh();
  stub.world.novaVersion = "2.60";
  const older = await fresh();
  older.stub.world.novaVersion = "2.51";
  const newer = await fresh();
  newer.stub.world.novaVersion = "2.104";

  expect(await cloud.nova.version(soon())).toBe("2.60");
  await expect(older.cloud.nova.version(soon())).rejects.toThrow(/too old: .*2\.51.*2\.52/);
  expect(await newer.cloud.nova.version(soon())).toBe("2.93");
});

test("a cloud's own authority is trusted if it is named, and not otherwise", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-ca-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { ca, cert, key } = await openAuthority(folder, ["127.0.0.1"], Date.now());
  const server = createServer({ cert, key }, (_request, response) => response.end("hello"));
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const get = { method: "GET", headers: {}, body: undefined, signal: soon() };

  const trusting = await wireOf({ ca, isVerified: true })(url, get);
  const careless = await wireOf({ ca: undefined, isVerified: false })(url, get);

  expect([trusting.text, careless.text]).toEqual(["hello", "hello"]);
  await expect(wireOf({ ca: undefined, isVerified: true })(url, get)).rejects.toThrow();
});
