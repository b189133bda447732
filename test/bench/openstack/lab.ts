import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { SITE_LABELS, SITE_REPO, type Site, startSite } from "../../rig/site.ts";
import { SITE_IMAGE } from "../../rig/site-catalogue.ts";
import { cpuSecondsOf } from "./cpu.ts";
import { type Guests, type Pace, simulatedGuests } from "./guests.ts";
import { type Meter, startMeter } from "./meter.ts";
import type { Sky } from "./sky.ts";

/** A real Mayfly, as a process of its own, with a cloud behind a meter, and simulated guests in its VMs. */
export type Lab = { sky: Sky; meter: Meter; guests: Guests; site: Site; close: () => Promise<void> };

export type LabParts = { machines: number; pace: Pace };

export async function openLab(sky: Sky, { machines, pace }: LabParts): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-bench-openstack-"));
  const guests = simulatedGuests(pace);
  const meter = await startMeter(sky.entry.auth.auth_url, watchServers(guests));
  const file = join(folder, "clouds.yaml");
  const entry = { ...sky.entry, auth: { ...sky.entry.auth, auth_url: meter.authUrl } };
  await writeFile(file, stringify({ clouds: { metered: entry } }), { mode: 0o600 });
  const site = await startSite({
    driver: "openstack",
    folder,
    controller: `bench${process.pid}`,
    machines,
    cloud: {
      ...{ file, name: "metered", address: NOWHERE, listen: "127.0.0.1" },
      ...{ family: sky.family, flavor: sky.flavor, things: sky.things },
      place: { network: sky.network },
    },
    image: { machines, limits: { boot: "10m", job: "1h", idle: "0s" } },
    settings: { repositories: [{ name: SITE_REPO, images: [SITE_IMAGE], machines }] },
  });
  return {
    ...{ sky, meter, guests, site },
    async close() {
      guests.close();
      await site.close();
      await meter.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** NB: Mayfly knows that VMs cannot call 127.0.0.1. This address is for documents, and simulated guests do not use it. See: RFC 5737. */
const NOWHERE = "203.0.113.1";

/** A guest boots when Mayfly could know that its server is up. */
function watchServers(guests: Guests) {
  const building = new Map<string, string>();
  return {
    onOrdered: (id: string, userData: string) => void building.set(id, userData),
    onUp(id: string) {
      const userData = building.get(id);
      if (userData === undefined) return;
      building.delete(id);
      guests.boot(userData);
    },
  };
}

/** Queues so many jobs at once, and waits until all are over and told, and nothing of their machines is left in the cloud. */
export async function storm({ site }: Lab, jobs: number, limitMs: number): Promise<string[]> {
  const { github } = site;
  const wanted = Array.from({ length: jobs }, (_, index) => ({
    name: `job ${index}`,
    labels: [...SITE_LABELS],
    script: "",
  }));
  github.queueRun(SITE_REPO, { jobs: wanted });
  const isOver = () => github.jobs(SITE_REPO).every(({ status }) => status === "completed");
  await github.until(isOver, limitMs);
  return await leftAfter(site, limitMs);
}

async function leftAfter(site: Site, limitMs: number): Promise<string[]> {
  const endsAt = Date.now() + limitMs;
  for (;;) {
    const { machines } = JSON.parse(await site.mayfly("ps", "--json")) as { machines: unknown[] };
    const left = await site.leftovers();
    if ((machines.length === 0 && left.length === 0) || Date.now() > endsAt) return left;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

const LOOK_MS = 1000;

export type Pulse = { passes: number; passSeconds: number; cpuSeconds: number };

/** How much the controller has done so far. */
export async function pulseOf({ web, pid }: Site): Promise<Pulse> {
  const metrics = await (await fetch(`${web}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1]);
  return {
    passes: value("mayfly_pass_seconds_count"),
    passSeconds: value("mayfly_pass_seconds_sum"),
    cpuSeconds: cpuSecondsOf([pid()]),
  };
}
