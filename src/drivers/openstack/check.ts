import { TimeLimitError } from "../../clock.ts";
import type { Capacity } from "../../core/host-room.ts";
import type { Host, Image } from "../../core/types.ts";
import { SetupError } from "../../ports.ts";
import { CloudError } from "./call.ts";
import { capacityOf } from "./capacity.ts";
import type { Choices } from "./choose.ts";
import type { CloudServices } from "./cloud.ts";
import { few } from "./few.ts";
import { controllerTag, hostOf, type Owner } from "./names.ts";
import type { Network } from "./neutron.ts";
import type { Flavor, Server } from "./nova.ts";

export type CheckParts = {
  cloud: CloudServices;
  choices: Choices;
  host: Host;
  /** Names of all hosts of the catalogue. None: nobody knows them here. */
  hosts: readonly string[] | undefined;
  /** Those that may run here. */
  images: readonly Image[];
  servers: (signal: AbortSignal) => Promise<Server[]>;
  owner: Owner;
};

/** What a project lacks for machines to be made in it, in sentences that say what to do. */
export async function checkCloud(parts: CheckParts, signal: AbortSignal): Promise<string[]> {
  const { cloud, choices } = parts;
  choices.forget();
  // NB: without a token, or with an old Nova, all the rest would say the same.
  const first = await faultsOf(() => checkSignIn(cloud, signal));
  if (first.length > 0) return first;
  const flavors: Flavor[] = [];
  const checks = [
    () => checkNetwork(parts, signal),
    () => checkGroups(parts, signal),
    () => checkZone(parts, signal),
    () => checkStrays(parts, signal),
    ...(cloud.place.volume ? [() => checkVolumes(parts, signal)] : []),
    ...parts.images.map((image) => async () => {
      const flavor = await choices.flavor(image, await choices.image(image, undefined, signal), signal);
      flavors.push(flavor);
      return limitFaults(image, flavor, parts.host);
    }),
  ];
  const found = await Promise.all(checks.map(faultsOf));
  return [...new Set([...found.flat(), ...(await faultsOf(() => checkRoom(parts, flavors, signal)))])];
}

/** What a check found; what was thrown on the way is a finding, too. */
async function faultsOf(run: () => Promise<string[]>): Promise<string[]> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof SetupError) return [error.message];
    if (error instanceof CloudError) return [sentenceOf(error)];
    if (error instanceof TimeLimitError)
      return [`The cloud takes too long: ${error.message}. Try again later, or ask the people of the cloud.`];
    throw error;
  }
}

function sentenceOf({ message, status, title }: CloudError): string {
  if (status === undefined) return `${message}. Look whether ${title} can be reached from this machine.`;
  if (status === 403)
    return `${message}. Give the credential the role member, and no access rules that forbid this.`;
  return `${message}. Try again later, or ask the people of the cloud.`;
}

async function checkSignIn({ session, nova }: CloudServices, signal: AbortSignal): Promise<string[]> {
  try {
    const { roles, name } = await session.project(signal);
    if (roles.length > 0 && roles.every((role) => role === "reader"))
      return [
        `The credential for the cloud ${session.cloudName()} may only look at the project ${name} (role reader). Make one with the role member: openstack/create-app-credential.sh.`,
      ];
  } catch (error) {
    if (error instanceof CloudError && error.title === "Keystone") return [signInSentence(error, session)];
    throw error;
  }
  await nova.version(signal);
  for (const title of ["Glance", "Neutron"] as const) await session.baseOf(title, signal);
  return [];
}

/** NB: Keystone does not say what is wrong with a credential, so as not to help those who guess. */
function signInSentence({ status, message, said }: CloudError, session: CloudServices["session"]): string {
  const cloud = session.cloudName();
  if (status === 401) {
    return session.identityKind() === "application credential"
      ? `Keystone refuses the application credential of the cloud ${cloud}: it has expired, was deleted, or its secret is wrong. Make a new one with openstack/create-app-credential.sh.`
      : `Keystone refuses the user of the cloud ${cloud}: name, password, domain or project is wrong, or the user has no role in the project. Mend them in clouds.yaml or the OS_* variables; an application credential is better.`;
  }
  if (status === 404)
    return `There is no Keystone of version 3 where auth_url of the cloud ${cloud} leads. Mend auth_url in clouds.yaml or OS_AUTH_URL.`;
  if (status === undefined && /certificate/i.test(said))
    return `The certificate of the cloud ${cloud} is not trusted (${said}). Name the file of its authority as cacert in clouds.yaml.`;
  return status === undefined
    ? `${message}. Mend auth_url of the cloud ${cloud} in clouds.yaml, or the way there from this machine.`
    : `${message}. Try again later, or ask the people of the cloud.`;
}

async function checkNetwork({ cloud, choices }: CheckParts, signal: AbortSignal): Promise<string[]> {
  const network = await choices.network(signal);
  const faults = await routeFaults(network, cloud, signal);
  if (cloud.place.floatingNetwork === undefined) return faults;
  const outside = await choices.floatingNetwork(signal);
  if (outside.isExternal) return faults;
  return [
    ...faults,
    `The network ${outside.name} gives no floating IPs, since it is not external. Mend openstack.floatingNetwork in mayfly.yml.`,
  ];
}

/** NB: of a network that belongs to others only they see the routers. */
async function routeFaults(
  { id, name, project, isExternal }: Network,
  { neutron, session }: CloudServices,
  signal: AbortSignal,
): Promise<string[]> {
  const subnets = await neutron.subnets(id, signal);
  if (subnets.length === 0)
    return [
      `The network ${name} has no subnet, so that no VM gets an address. Make one: openstack subnet create.`,
    ];
  if (isExternal || project !== (await session.project(signal)).id) return [];
  const routers = await neutron.routers(id, signal);
  if (!routers) return [];
  if (routers.length === 0) {
    return [
      `No router joins the network ${name} to others, so that no VM reaches Mayfly or GitHub. Join it: openstack router add subnet <router> ${subnets[0]?.name || subnets[0]?.id}.`,
    ];
  }
  if (routers.some(({ leadsOutside }) => leadsOutside)) return [];
  const names = routers.map((router) => router.name).join(", ");
  return [
    `The router of the network ${name} (${names}) has no way outside, so that no VM reaches GitHub. Give it one: openstack router set --external-gateway.`,
  ];
}

async function checkGroups({ choices }: CheckParts, signal: AbortSignal): Promise<string[]> {
  await choices.securityGroups(signal);
  return [];
}

async function checkZone({ choices }: CheckParts, signal: AbortSignal): Promise<string[]> {
  await choices.zone(signal);
  return [];
}

async function checkVolumes({ cloud, choices }: CheckParts, signal: AbortSignal): Promise<string[]> {
  await cloud.cinder.limits(signal);
  await choices.volumeType(signal);
  return [];
}

/** NB: a host that was renamed does not take what it had made before for its own, and no other host does. */
async function checkStrays({ cloud, hosts, owner }: CheckParts, signal: AbortSignal): Promise<string[]> {
  if (!hosts) return [];
  const all = await cloud.nova.servers(controllerTag(owner.controller), signal);
  const strays = all.flatMap(({ name, tags }) => {
    const host = hostOf(tags);
    return host === undefined || hosts.includes(host) ? [] : [`${name} (${host})`];
  });
  if (strays.length === 0) return [];
  return [
    `Servers of this controller bear the name of a host that is not in mayfly.yml, so that Mayfly neither sees nor removes them: ${few(strays)}. Give the host that name again until they are gone, or delete them: openstack server delete.`,
  ];
}

/** NB: a machine counts as what its flavor has: one that is larger than its host's limits is never ordered. See: core/pools.ts. */
function limitFaults(image: Image, flavor: Flavor, { name, cpus, memoryMiB }: Host): string[] {
  const over = [
    ...(isBelow(cpus, flavor.vcpus) ? [`it has ${flavor.vcpus} CPUs, and cpus is ${cpus}`] : []),
    ...(isBelow(memoryMiB, flavor.ram)
      ? [`it has ${flavor.ram} MiB of memory, and memory is ${memoryMiB} MiB`]
      : []),
  ];
  if (over.length === 0) return [];
  return [
    `The flavor ${flavor.name} of the image ${image.name} is larger than what the host ${name} may use in all, so that no machine of it is made: ${over.join("; ")}. Raise the host's limits in mayfly.yml, or name a smaller flavor in cloudImage.flavor.`,
  ];
}

/** NB: room for one machine if all of ours were gone: it is no fault that they use what there is. */
async function checkRoom(
  { cloud, servers, owner }: CheckParts,
  flavors: readonly Flavor[],
  signal: AbortSignal,
): Promise<string[]> {
  const room = await capacityOf(await servers(signal), cloud, owner, signal);
  const lacking = [
    ...(isBelow(room.machines, 1) ? ["servers, volumes or addresses"] : []),
    ...lackingFor("vcpus", flavors, room.cpus, "CPUs"),
    ...lackingFor("ram", flavors, room.memoryMiB, "MiB of memory"),
  ];
  if (lacking.length === 0) return [];
  return [
    `The project's quota leaves too little for one machine: ${lacking.join(", ")}. Delete what nobody needs, or ask the people of the cloud for more.`,
  ];
}

const isBelow = (room: Capacity["machines"], needed: number): boolean => room !== undefined && room < needed;

function lackingFor(
  key: "vcpus" | "ram",
  flavors: readonly Flavor[],
  room: number | undefined,
  words: string,
): string[] {
  const least = Math.min(...flavors.map((flavor) => flavor[key]));
  return Number.isFinite(least) && isBelow(room, least) ? [`${room} of ${least} ${words}`] : [];
}
