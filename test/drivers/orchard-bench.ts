import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/clock.ts";
import type { Host, Image } from "../../src/core/types.ts";
import { orchardDriver } from "../../src/drivers/orchard/driver.ts";
import type { Clock, StartOrder } from "../../src/ports.ts";
import { keptLog } from "../support/log.ts";
import type { Bench } from "./contract.ts";
import { type Fleet, PLACES, startFleet } from "./fleet/server.ts";
import type { Version } from "./fleet/shapes.ts";
import { IMAGE } from "./tart-bench.ts";

export type OrchardOptions = { root: string; port: number };

export type OrchardBench = Bench & {
  host: Host;
  fleet: Fleet;
  orderOf: (name: string, image: string, limits?: Partial<Image["limits"]>) => StartOrder;
};

/** Those that run in this process. */
const fleets = new Map<number, Fleet>();

export async function freshHost(version?: Version): Promise<OrchardOptions> {
  const root = await mkdtemp(join(tmpdir(), "mayfly-orchard-"));
  const fleet = await startFleet({ ...(version && { version }) });
  fleets.set(fleet.port, fleet);
  const account = "ORCHARD_SERVICE_ACCOUNT_NAME=mayfly\nORCHARD_SERVICE_ACCOUNT_TOKEN=hush-hush-token\n";
  await writeFile(join(root, "account"), `${account}ORCHARD_VM_PASSWORD=hush-vm\n`, { mode: 0o600 });
  return { root, port: fleet.port };
}

export async function openBench(
  { root, port }: OrchardOptions,
  parts: { host?: Partial<Host>; clock?: Clock } = {},
): Promise<OrchardBench> {
  const kept = keptLog();
  const host: Host = {
    ...HOST,
    orchard: {
      url: `http://127.0.0.1:${port}`,
      credentials: join(root, "account"),
      vmUser: "admin",
      allow: [],
    },
    ...parts.host,
  };
  const driver = orchardDriver({
    ...{ host, images: [], controller: "test", folder: root, log: kept.log },
    ...{ ring: () => {}, project: root, clock: parts.clock ?? systemClock },
  });
  const fleet = fleets.get(port) ?? (await startFleet());
  const orderOf = (name: string, image: string, limits: Partial<Image["limits"]> = {}): StartOrder => ({
    name,
    repo: "octo/spinw",
    host,
    image: { ...IMAGE, tartImage: { name: image }, limits: { ...IMAGE.limits, ...limits } },
    seed: { machine: name, url: host.guestUrl, ca: "", token: `token-of-${name}`, lifeSeconds: 600 },
  });
  return {
    ...{ driver, host, fleet, orderOf },
    controller: "test",
    order: (name, boot = "quick") => orderOf(name, boot === "slow" ? "stub-slow" : "stub"),
    logged: kept.text,
    leftovers: async (name) => (fleet.vms.has(name) ? [`VM ${name}`] : []),
    plantVm: async (name) => {
      const vm = { name, image: "stub", status: "running", status_message: "", worker: "mac-1" } as const;
      const planted = { ...vm, resources: { [PLACES]: 1 } };
      fleet.vms.set(name, planted);
      return async () => fleet.vms.get(name) === planted;
    },
    cutOff: fleet.cutOff,
    consoleText: "the stub VM is up",
    close: async () => {
      await driver.close();
      await fleet.cutOff();
      await rm(root, { recursive: true, force: true });
      if (fleet.slips.length > 0) throw new Error(`Orchard would refuse this: ${fleet.slips.join("; ")}`);
    },
  };
}

const HOST: Host = {
  name: "fleet",
  driver: "orchard",
  provider: "libvirt",
  hypervisor: "kvm",
  machines: 4,
  starting: 4,
  guestUrl: "https://192.168.64.1:8443",
};
