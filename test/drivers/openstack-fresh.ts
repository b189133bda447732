import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import { machineName } from "../../src/core/name.ts";
import type { MachineName } from "../../src/core/types.ts";
import { type DriverBench, type DriverParts, openDriver } from "./openstack-bench.ts";
import { openStub, type Stub } from "./openstack-stub.ts";

export type FreshParts = Omit<DriverParts, "env"> & { env?: Record<string, string> };

/** A driver at a stub of a cloud, both of which end with the test, and the name of a machine that is not made yet. */
export async function fresh(
  parts: FreshParts = {},
): Promise<DriverBench & { stub: Stub; name: MachineName }> {
  const stub = await openStub();
  const bench = openDriver({ ...parts, env: { ...stub.env, ...parts.env } });
  onTestFinished(async () => {
    await bench.driver.close();
    await stub.close();
  });
  return { stub, ...bench, name: newName() };
}

export const newName = (): MachineName => machineName("test", "image", randomBytes(8));

export const soon = (): AbortSignal => AbortSignal.timeout(10_000);

/** What Nova was told to make. */
export const posts = (stub: Stub): string[] => callsOf(stub, /^POST nova/);

export const callsOf = ({ calls }: Stub, call: RegExp): string[] => calls.filter((each) => call.test(each));
