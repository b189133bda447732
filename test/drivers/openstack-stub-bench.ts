import { randomUUID } from "node:crypto";
import type { Bench } from "./contract.ts";
import { openDriver } from "./openstack-bench.ts";
import { openStub, type Stub } from "./openstack-stub.ts";

/** NB: the stub itself lives in this process only; another one gets its address. */
export type StubOptions = { env: Record<string, string> };

const stubs = new Map<string, Stub>();

export async function openBench({ env }: StubOptions): Promise<Bench> {
  const { driver, orderOf, logged } = openDriver({ env });
  const stub = stubs.get(env.OS_AUTH_URL ?? "");
  return {
    driver,
    controller: "test",
    order: (name, boot = "quick") =>
      orderOf(name, { cloudImage: { family: boot === "slow" ? "slow" : "image" } }),
    logged,
    leftovers: async (name) => leftovers(stub, name),
    plantVm: async (name) => {
      const server = { id: randomUUID(), name, status: "ACTIVE", tags: ["mayfly-controller=test"] };
      stub?.world.servers.push(server);
      return async () => stub?.world.servers.includes(server) ?? false;
    },
    cutOff: async () => await stub?.close(),
    consoleText: "the stub VM is up",
    close: async () => {
      await driver.close();
      await stub?.close();
    },
  };
}

function leftovers(stub: Stub | undefined, name: string): string[] {
  const { servers = [], ports = [], floatingips = [] } = stub?.world ?? {};
  const beside = [...ports, ...floatingips].filter(({ description }) => String(description).endsWith(name));
  return [...servers.filter((server) => server.name === name), ...beside].map(({ id }) => id);
}

export async function freshHost(): Promise<StubOptions> {
  const stub = await openStub();
  stubs.set(stub.env.OS_AUTH_URL ?? "", stub);
  return { env: stub.env };
}
