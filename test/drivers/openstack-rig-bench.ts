import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { systemClock } from "../../src/clock.ts";
import type { CloudPlace, Image } from "../../src/core/types.ts";
import { type CloudServices, cloudServices } from "../../src/drivers/openstack/cloud.ts";
import { controllerTag, describedName } from "../../src/drivers/openstack/names.ts";
import type { Kind } from "../../src/drivers/openstack/neutron.ts";
import type { Bench } from "./contract.ts";
import { type DriverBench, openDriver } from "./openstack-bench.ts";
import { type Front, openFront } from "./openstack-front.ts";

/** JSON can hold it: another process opens the same cloud. `env`: leads to the front, with the project's credential. */
export type RigOptions = {
  env: Record<string, string>;
  rig: string;
  controller: string;
  place: Partial<CloudPlace>;
};

export type RigBench = Bench & {
  front: Front;
  orderOf: DriverBench["orderOf"];
  /** The project's own view of the cloud, past the front. */
  cloud: CloudServices;
};

const RIG = join(import.meta.dirname, "../rig/openstack/rig");
/** A family that the rig's image is made current of. */
const FAMILY = "contract";
const soon = () => AbortSignal.timeout(60_000);

const fronts = new Map<string, Front>();

/** Starts the rig if it is down. */
export async function freshHost(more: Partial<CloudPlace> = {}): Promise<RigOptions> {
  const { stdout } = await execa(process.env.MAYFLY_RIG ?? RIG, ["up"]);
  const rig = stdout.split("\n").at(-1) ?? "";
  const { auth } = parse(await readFile(join(rig, "clouds.yaml"), "utf8")).clouds.lab;
  const front = await openFront(auth.auth_url);
  fronts.set(front.url, front);
  const imageOwner = await tagImage(cloudOf("lab-admin", rig));
  return {
    env: {
      OS_AUTH_URL: front.url,
      OS_AUTH_TYPE: "v3applicationcredential",
      OS_APPLICATION_CREDENTIAL_ID: auth.application_credential_id,
      OS_APPLICATION_CREDENTIAL_SECRET: auth.application_credential_secret,
    },
    rig,
    controller: `t${Math.random().toString(36).slice(2, 9)}`,
    place: { network: "lab", imageOwner, ...more },
  };
}

function cloudOf(cloud: string, rig: string): CloudServices {
  const host = { openstack: { cloud, securityGroups: [], configDrive: true } };
  const env = { OS_CLIENT_CONFIG_FILE: join(rig, "clouds.yaml") };
  return cloudServices(host, systemClock, { env, cwd: "/nowhere", home: "/nowhere" });
}

/** Answers the project that owns the image. */
async function tagImage({ session, glance }: CloudServices): Promise<string> {
  const { id: owner } = await session.project(soon());
  const [image] = (await glance.images({ owner, tags: [] }, soon())).filter(
    ({ name }) => name === "cirros-fake",
  );
  const path = `/images/${image?.id}/tags/mayfly:${FAMILY}:current`;
  await session.call("Glance", { method: "PUT", path }, soon());
  return owner;
}

export async function openBench({ env, rig, controller, place }: RigOptions): Promise<RigBench> {
  const images: Partial<Image>[] = [{ cloudImage: { family: FAMILY } }];
  const { driver, orderOf, logged } = openDriver({ env, controller, place, images });
  const cloud = cloudOf("lab", rig);
  const front = fronts.get(env.OS_AUTH_URL ?? "") as Front;
  return {
    ...{ driver, front, cloud, controller, logged, orderOf },
    order: (name) => orderOf(name),
    leftovers: (name) => leftovers(name, cloud, controller),
    plantVm: async (name) => {
      const id = await plant(name, cloud, { controller, owner: place.imageOwner ?? "" });
      return async () => (await serversOf(cloud, controller)).some((server) => server.id === id);
    },
    cutOff: () => front.close(),
    consoleText: "FAKE CONSOLE OUTPUT",
    close: async () => {
      await driver.close();
      await front.close();
      for (const { id } of await serversOf(cloud, controller)) await cloud.nova.remove(id, soon());
      await expectGone(cloud, controller);
    },
  };
}

const serversOf = ({ nova }: CloudServices, controller: string) =>
  nova.servers(controllerTag(controller), soon());

async function expectGone(cloud: CloudServices, controller: string): Promise<void> {
  const end = Date.now() + 30_000;
  while ((await serversOf(cloud, controller)).length > 0)
    if (Date.now() > end) throw new Error(`servers of ${controller} are left in the rig`);
}

/** All that the cloud has of a machine. */
async function leftovers(name: string, cloud: CloudServices, controller: string): Promise<string[]> {
  const servers = (await serversOf(cloud, controller)).filter((server) => server.name === name);
  const beside = async (kind: Kind) =>
    (await cloud.neutron.things(kind, {}, soon())).filter(
      ({ description }) => describedName(description, controller) === name,
    );
  const ports = [...(await beside("ports")), ...(await beside("floatingips"))];
  return [...servers.map(({ id }) => `server ${id}`), ...ports.map(({ id }) => `port or address ${id}`)];
}

/** NB: with the controller's own tag, so that only its name tells that it is none of ours. */
async function plant(
  name: string,
  cloud: CloudServices,
  { controller, owner }: { controller: string; owner: string },
): Promise<string> {
  const [image] = await cloud.glance.images({ owner, tags: [`mayfly:${FAMILY}:current`] }, soon());
  const [network] = await cloud.neutron.networks({ name: "lab" }, soon());
  const flavor = (await cloud.nova.flavors(soon())).find((each) => each.name === "m1.tiny");
  const body = {
    ...{ name, imageRef: image?.id, flavorRef: flavor?.id, networks: [{ uuid: network?.id }] },
    tags: [controllerTag(controller)],
  };
  return await cloud.nova.create({ body, secrets: [] }, soon());
}
