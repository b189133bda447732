import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { machineName } from "../../src/core/name.ts";
import { NoRoom } from "../../src/ports.ts";
import { type DriverParts, openDriver } from "./openstack-bench.ts";
import { openStub, type Stub } from "./openstack-stub.ts";

const soon = () => AbortSignal.timeout(10_000);

async function fresh(parts: Omit<DriverParts, "env"> = {}) {
  const stub = await openStub();
  const bench = openDriver({ env: stub.env, ...parts });
  onTestFinished(async () => {
    await bench.driver.close();
    await stub.close();
  });
  return { stub, ...bench, name: machineName("test", "image", randomBytes(8)) };
}

const posts = ({ calls }: Stub): string[] => calls.filter((call) => call.startsWith("POST nova"));

const full = [
  [
    "quota of instances",
    /POST nova/,
    403,
    {
      forbidden: {
        message: "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances",
      },
    },
  ],
  [
    "quota of ports",
    /POST neutron .*ports/,
    409,
    { NeutronError: { type: "OverQuota", message: "Quota exceeded for resources: ['port']." } },
  ],
  [
    "addresses of the network",
    /POST neutron .*ports/,
    409,
    {
      NeutronError: {
        type: "IpAddressGenerationFailure",
        message: "No more IP addresses available on network x.",
      },
    },
  ],
  ["patience", /POST nova/, 429, { overLimit: { message: "This request was rate-limited." } }],
  [
    "patience, in older clouds",
    /POST nova/,
    413,
    { overLimit: { message: "This request was rate-limited." } },
  ],
] as const;

test.each(full)(
  "a cloud that is short of %s has no room, in its own words",
  async (_what, call, status, body) => {
    const { stub, driver, orderOf, name } = await fresh();
    stub.fail(call, { status, body, headers: { "retry-after": "30" } });

    const error = await driver
      .start(orderOf(name, { mac: "52:54:00:12:34:56" }), soon())
      .catch((e: unknown) => e);

    expect(error).toBeInstanceOf(NoRoom);
    expect(String(error)).toContain(Object.values(body)[0]?.message);
    expect((error as NoRoom).retryAt).toBeGreaterThan(Date.now() + 20_000);
  },
);

test("an order that has no turn in its time waits for room, and is not made", async () => {
  const { stub, driver, orderOf } = await fresh();
  stub.fail(/POST nova/, "silence", 4);
  const names = Array.from({ length: 4 }, () => machineName("test", "image", randomBytes(8)));
  const closing = new AbortController();
  const stuck = names.map((name) => driver.start(orderOf(name), closing.signal).catch(() => undefined));
  await expect.poll(() => posts(stub)).toHaveLength(4);

  const late = driver.start(orderOf(machineName("test", "image", randomBytes(8))), AbortSignal.timeout(50));

  await expect(late).rejects.toBeInstanceOf(NoRoom);
  closing.abort();
  await Promise.all(stuck);
  expect(posts(stub)).toHaveLength(4);
});
