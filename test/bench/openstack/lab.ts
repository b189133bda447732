import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { SITE_LABELS, type Site, startSite } from "../../rig/site.ts";
import { cpuSecondsOf } from "./cpu.ts";
import { type Guests, type Pace, simulatedGuests } from "./guests.ts";
import { type Meter, startMeter } from "./meter.ts";
import type { Sky } from "./sky.ts";

/** A real Mayfly, as a process of its own, with a cloud behind a meter, and simulated guests in its VMs. */
export type Lab = { sky: Sky; meter: Meter; guests: Guests; site: Site; close: () => Promise<void> };

export type LabParts = { machines: number; pace: Pace };

export async function openLab(sky: Sky, { machines, pace }: LabParts): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-bench-openstack-"));
  const guests = simulatedGuests({ ...pace, together: machines });
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
    repositories: Array.from(
      { length: Math.ceil(machines / REPOSITORY_MOST) },
      (_, index) => `bench${index}/bench`,
    ),
    image: { limits: { boot: "10m", job: "1h", idle: "0s" } },
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

/** NB: GitHub takes about 170 registrations in a minute from one owner's repositories, and it is not GitHub that is measured here. */
const REPOSITORY_MOST = 100;

/**
 * Queues so many jobs at once, and waits until all are over and nothing of their machines is left in the cloud. NB: Mayfly tells of them
 * for longer, as slowly as GitHub's limits for check runs are.
 */
export async function storm({ site }: Lab, jobs: number, limitMs: number): Promise<string[]> {
  const { github, repositories } = site;
  const wanted = Array.from({ length: jobs }, (_, index) => ({
    name: `job ${index}`,
    labels: [...SITE_LABELS],
    script: "",
  }));
  for (const [index, repo] of repositories.entries()) {
    github.queueRun(repo, { jobs: wanted.filter((_, job) => job % repositories.length === index) });
  }
  await github.until(() => jobsOf(site).every(({ status }) => status === "completed"), limitMs);
  const endsAt = Date.now() + limitMs;
  let left = await site.leftovers();
  while (left.length > 0 && Date.now() < endsAt) {
    await new Promise((done) => setTimeout(done, LOOK_MS));
    left = await site.leftovers();
  }
  return left;
}

export const jobsOf = ({ github, repositories }: Site) => repositories.flatMap((repo) => github.jobs(repo));

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
