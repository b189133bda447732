import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { CloudPlace } from "../../src/core/clouds.ts";
import type { Image } from "../../src/core/types.ts";
import { controllerTag, describedName } from "../../src/drivers/openstack/names.ts";
import { type Cloud, startCloud } from "../rig/openstack/cloud.ts";
import type { Bench } from "./contract.ts";
import { type DriverBench, openDriver } from "./openstack-bench.ts";
import { type Front, openFront } from "./openstack-front.ts";

/** JSON can hold it: another process opens the same cloud. `env`: leads to the front, with the project's credential. */
export type RigOptions = {
  env: Record<string, string>;
  controller: string;
  place: Partial<CloudPlace>;
  images?: readonly Partial<Image>[] | undefined;
};

export type RigBench = Bench & DriverBench;

/** A family that the bench's image is current of. */
export const FAMILY = "contract";

/** What a test process has of the rig; another process, that only orders, has none. */
type Rig = { cloud: Cloud; front: Front };
const rigs = new Map<string, Rig>();

export const rigOf = ({ env }: Pick<RigOptions, "env">): Rig => {
  const rig = rigs.get(env.OS_AUTH_URL ?? "");
  if (!rig) throw new Error("the rig is in another process");
  return rig;
};

/** Starts the rig if it is down, and puts a front before it. */
export async function freshHost(
  place: Partial<CloudPlace> = {},
  images?: readonly Partial<Image>[],
): Promise<RigOptions> {
  const cloud = await startCloud({ virt: "fake" });
  await cloud.clear();
  await cloud.addImage({ name: "contract", tags: [`mayfly:${FAMILY}:current`] });
  const { auth } = parse(await readFile(cloud.cloudsFile, "utf8")).clouds.lab;
  const front = await openFront(auth.auth_url);
  rigs.set(front.url, { cloud, front });
  const env = {
    OS_AUTH_URL: front.url,
    OS_APPLICATION_CREDENTIAL_ID: auth.application_credential_id,
    OS_APPLICATION_CREDENTIAL_SECRET: auth.application_credential_secret,
  };
  const controller = `t${Math.random().toString(36).slice(2, 9)}`;
  return { env, controller, place: { network: "lab", securityGroups: ["mayfly"], ...place }, images };
}

export async function openBench(options: RigOptions): Promise<RigBench> {
  const { env, controller, place } = options;
  const images = options.images ?? [{ cloudImage: { family: FAMILY } }];
  const bench = openDriver({ env, controller, place, images });
  return {
    ...bench,
    controller,
    order: (name) => bench.orderOf(name),
    leftovers: (name) => leftovers(name, options),
    plantVm: async (name) => {
      const id = await plant(name, options);
      return async () => (await serversOf(options)).some((server) => server.id === id);
    },
    cutOff: () => rigOf(options).front.close(),
    consoleText: "FAKE CONSOLE OUTPUT",
    close: async () => {
      await bench.driver.close();
      await rigOf(options).front.close();
      await rigOf(options).cloud.clear();
    },
  };
}

type Seen = { id: string; name: string };

const serversOf = async (options: RigOptions): Promise<Seen[]> =>
  (await rigOf(options).cloud.demo.get<{ servers: Seen[] }>("compute", "/servers")).servers;

/** All that the cloud has of a machine. */
async function leftovers(name: string, options: RigOptions): Promise<string[]> {
  const { controller } = options;
  const { demo } = rigOf(options).cloud;
  const servers = (await serversOf(options)).filter((server) => server.name === name);
  const { ports } = await demo.get<Beside<"ports">>("network", "/v2.0/ports");
  const { floatingips } = await demo.get<Beside<"floatingips">>("network", "/v2.0/floatingips");
  const beside = [...ports, ...floatingips].filter(
    ({ description }) => describedName(description, { controller, host: "cloud" }) === name,
  );
  return [...servers.map(({ id }) => `server ${id}`), ...beside.map(({ id }) => `port or address ${id}`)];
}

type Beside<Kind extends string> = Record<Kind, { id: string; description: string }[]>;

/** NB: with the controller's own tag, so that only its name tells that it is none of ours. */
async function plant(name: string, options: RigOptions): Promise<string> {
  const { demo } = rigOf(options).cloud;
  const { images } = await demo.get<{ images: Seen[] }>("image", `/v2/images?tag=mayfly:${FAMILY}:current`);
  const { networks } = await demo.get<{ networks: Seen[] }>("network", "/v2.0/networks?name=lab");
  const { flavors } = await demo.get<{ flavors: Seen[] }>("compute", "/flavors");
  const server = {
    ...{ name, imageRef: images[0]?.id, networks: [{ uuid: networks[0]?.id }] },
    flavorRef: flavors.find((flavor) => flavor.name === "m1.tiny")?.id,
    tags: [controllerTag(options.controller)],
  };
  const { body } = await demo.call("compute", "POST", "/servers", { body: { server } });
  return (body as { server: Seen }).server.id;
}
