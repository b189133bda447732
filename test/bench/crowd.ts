import { plan } from "../../src/core/plan.ts";
import type { Catalogue, Job, Machine, MachineName, Seen } from "../../src/core/types.ts";
import type { World } from "../../src/core/world.ts";
import {
  ago,
  aHost,
  aJob,
  anImage,
  aRepository,
  aSeen,
  aWorld,
  booting,
  configured,
  minutes,
  runnerSeen,
  seconds,
  VM_UP,
  working,
} from "../support/build.ts";

/** Large worlds, to measure passes with. */

const MACHINES_ON_A_HOST = 25;
const IMAGES = 6;
const MACHINES_OF_A_REPOSITORY = 20;

/** An institute: all hosts are full, most machines work, and nine jobs wait for each machine. A pass finds nothing to do. */
export function steadyWorld(machines: number): World {
  const catalogue = catalogueFor(machines);
  const seen = new Map<MachineName, Seen>();
  const rows: Machine[] = [];
  const jobs: Job[] = [];
  for (let index = 0; index < machines; index += 1) {
    const { machine, job, looks } = member(index, catalogue);
    rows.push(machine);
    seen.set(machine.name, looks);
    if (job) jobs.push(job);
  }
  while (jobs.length < 10 * machines) jobs.push(shown(waitingJob(jobs.length, catalogue), "booting/0"));
  return { ...aWorld({ catalogue, jobs, machines: rows }), seen: ({ name }) => seen.get(name) ?? aSeen() };
}

/** Monday morning: all hosts are empty, nobody has a check run yet, and ten jobs come for each place. */
export function rushWorld(machines: number): World {
  const catalogue = catalogueFor(machines);
  const jobs = Array.from({ length: 10 * machines }, (_, index) => waitingJob(index, catalogue));
  return aWorld({ catalogue, jobs });
}

/** Throws unless the worlds are what they claim to be: a bench of the wrong thing is worse than none. */
export function proveWorlds(machines: number): void {
  const steady = plan(steadyWorld(machines));
  if (steady.facts.length > 0 || steady.effects.length > 0) {
    throw new Error(`the steady world is not: ${JSON.stringify([steady.facts[0], steady.effects[0]])}`);
  }
  const rush = plan(rushWorld(machines));
  if (rush.facts.length !== machines) throw new Error(`the rush ordered ${rush.facts.length} machines`);
}

/** Of twenty machines fourteen work, two boot, two are about to get their job, and two are leaving. */
function member(index: number, catalogue: Catalogue): { machine: Machine; job?: Job; looks: Seen } {
  const place = placeOf(index, catalogue);
  const { name } = place;
  const running = shown(
    aJob({ ...jobIn(place, index), status: "running", startedAt: ago(minutes(20)), ranOn: name }),
    "running",
  );
  const busy = aSeen(VM_UP, runnerSeen("busy"));
  switch (index % 20) {
    case 14:
    case 15:
      return { machine: booting(place), looks: aSeen({ ...VM_UP, vm: "building" }) };
    case 16:
    case 17:
      return { machine: configured(place), looks: aSeen(VM_UP, runnerSeen("idle")) };
    case 18:
      return { machine: configured({ ...place, retired: RETIRED }), looks: busy };
    case 19:
      return { machine: configured({ ...place, retired: RETIRED }), looks: aSeen(VM_UP) };
    default:
      return {
        machine: working({ ...place, job: running.id, workingAt: ago(minutes(20)) }),
        job: running,
        looks: busy,
      };
  }
}

/** GitHub is asked whether a job got there first. */
const RETIRED = { at: ago(seconds(5)), why: "surplus" } as const;

const waitingJob = (index: number, catalogue: Catalogue): Job =>
  aJob({ ...jobIn(placeOf(index, catalogue), index), queuedAt: ago(seconds(10 + (index % 600))) });

const jobIn = ({ repo, image }: Place, index: number): Pick<Job, "id" | "repo" | "labels"> => ({
  id: index + 1,
  repo,
  labels: ["self-hosted", `our-${image}`],
});

const shown = (job: Job, digest: string): Job => ({ ...job, check: { id: job.id, digest } });

type Place = Pick<Machine, "name" | "repo" | "image" | "host">;

/** Jobs and machines are spread over all repositories and images, and machines fill one host after the other. */
function placeOf(index: number, { hosts, images, repositories }: Catalogue): Place {
  const image = images[index % images.length]?.name ?? "";
  return {
    name: `mayfly-bench-${image}-${index}`,
    repo: repositories[Math.floor(index / images.length) % repositories.length]?.name ?? "",
    image,
    host: hosts[Math.floor(index / MACHINES_ON_A_HOST)]?.name ?? "",
  };
}

function catalogueFor(machines: number): Catalogue {
  const hosts = Array.from({ length: Math.ceil(machines / MACHINES_ON_A_HOST) }, (_, index) =>
    aHost({
      name: `host${index}`,
      machines: Math.min(MACHINES_ON_A_HOST, machines - index * MACHINES_ON_A_HOST),
      cpus: 1000,
      memoryMiB: 1_000_000,
    }),
  );
  const images = Array.from({ length: IMAGES }, (_, index) =>
    anImage({
      name: `image${index}`,
      labels: ["self-hosted", "linux", `our-image${index}`],
      hosts: hosts.map(({ name }) => name),
      machines: machines * 2,
      limits: { bootMs: minutes(10), jobMs: minutes(300), idleMs: minutes(10) },
    }),
  );
  const repositories = Array.from({ length: Math.ceil(machines / MACHINES_OF_A_REPOSITORY) }, (_, index) =>
    aRepository({
      name: `octo/repository${index}`,
      images: images.map(({ name }) => name),
      machines: machines * 2,
    }),
  );
  return { controller: "bench", hosts, images, repositories };
}
