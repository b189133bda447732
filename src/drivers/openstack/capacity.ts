import type { Capacity } from "../../core/host-room.ts";
import { CloudError } from "./call.ts";
import type { CloudServices } from "./cloud.ts";
import { describedName, type Owner } from "./names.ts";
import type { Limit, Server } from "./nova.ts";

/** What our machines may take in all: the project's quota, less what others in it use. `servers`: ours. */
export async function capacityOf(
  servers: readonly Server[],
  cloud: CloudServices,
  owner: Owner,
  signal: AbortSignal,
): Promise<Capacity> {
  const { nova, place } = cloud;
  const limits = await nova.limits(signal);
  const counts = [
    roomFor(limits.instances, servers.length),
    ...(place.volume ? await volumeRoom(servers, place.volume.sizeGiB, cloud, signal) : []),
    ...(place.floatingNetwork === undefined ? [] : [await addressRoom(cloud, owner, signal)]),
  ].filter((count) => count !== undefined);
  return {
    machines: counts.length === 0 ? undefined : Math.min(...counts),
    cpus: roomFor(limits.cores, sum(servers.map(({ cpus }) => cpus))),
    memoryMiB: roomFor(limits.memoryMiB, sum(servers.map(({ memoryMiB }) => memoryMiB))),
  };
}

/** NB: the two numbers were asked for one after the other, so that others may seem to use less than nothing. */
const roomFor = ({ most, used }: Limit, byUs: number): number | undefined =>
  most === undefined ? undefined : Math.max(0, most - Math.max(0, used - byUs));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

async function volumeRoom(
  servers: readonly Server[],
  sizeGiB: number,
  { cinder }: CloudServices,
  signal: AbortSignal,
): Promise<(number | undefined)[]> {
  const { volumes, gigabytes } = await cinder.limits(signal);
  const byUs = sum(servers.map((server) => server.volumes.length));
  const space = roomFor(gigabytes, byUs * sizeGiB);
  return [roomFor(volumes, byUs), space === undefined ? undefined : Math.floor(space / sizeGiB)];
}

/** NB: not every cloud shows a project its own quota of addresses; then it is found out by refusals. */
async function addressRoom(
  { neutron, session }: CloudServices,
  owner: Owner,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { id } = await session.project(signal);
  try {
    const quota = await neutron.floatingIps(id, signal);
    const all = await neutron.things("floatingips", { project_id: id }, signal);
    const byUs = all.filter(({ description }) => describedName(description, owner) !== undefined);
    return roomFor(quota, byUs.length);
  } catch (error) {
    if (error instanceof CloudError && (error.status === 403 || error.status === 404)) return undefined;
    throw error;
  }
}
