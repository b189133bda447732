import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { startCloud } from "../../rig/openstack/cloud.ts";
import { startReplay } from "../../rig/openstack/replay.ts";
import { addImage, serversOf } from "../../rig/openstack/replay-world.ts";
import { thingsOf } from "../../rig/openstack/things.ts";
import { cpuSecondsOf, ofSessions } from "./cpu.ts";

/** A cloud to measure at. */
export type Sky = {
  /** As clouds.yaml has it. */
  entry: { auth: { auth_url: string } } & Record<string, unknown>;
  network: string;
  family: string;
  flavor: string;
  things: () => Promise<string[]>;
  /** What the cloud's own processes have used of the processor; undefined: they are not processes of their own. */
  cpuSeconds: () => number | undefined;
  close: () => Promise<void>;
};

const FAMILY = "bench";
const TAGS = [`mayfly:${FAMILY}:current`];
const PLACE = { network: "lab", family: FAMILY, flavor: "m1.small" };

/** The rig, with Nova's pretended hypervisor. */
export async function genuineSky(tell: (text: string) => void): Promise<Sky> {
  const cloud = await startCloud({ virt: "fake" }, tell);
  const { clouds } = parse(await readFile(cloud.cloudsFile, "utf8"));
  const image = await cloud.addImage({ name: FAMILY, tags: TAGS });
  const sessions = await leadersIn(join(cloud.folder, "pid"));
  return {
    ...PLACE,
    entry: clouds.lab,
    things: () => thingsOf(cloud.admin),
    cpuSeconds: () => cpuSecondsOf(ofSessions(sessions)),
    close: async () => void (await cloud.demo.call("image", "DELETE", `/v2/images/${image}`)),
  };
}

/** A cloud that is played in this process from recorded replies: each server is up after two seconds, as the rig's, and takes half a one to go. */
export async function playedSky(): Promise<Sky> {
  const { world, env, close } = await startReplay({ world: { buildMs: 2000, deleteMs: 500 } });
  addImage(world, { name: FAMILY, tags: TAGS });
  const auth = {
    auth_url: env.OS_AUTH_URL ?? "",
    application_credential_id: env.OS_APPLICATION_CREDENTIAL_ID,
    application_credential_secret: env.OS_APPLICATION_CREDENTIAL_SECRET,
  };
  return {
    ...PLACE,
    entry: { auth_type: env.OS_AUTH_TYPE, auth },
    things: async () => [
      ...serversOf(world).map(({ id }) => `server ${id}`),
      ...Array.from(world.ports.keys(), (id) => `port ${id}`),
      ...Array.from(world.floatingips.keys(), (id) => `floating IP ${id}`),
    ],
    cpuSeconds: () => undefined,
    close,
  };
}

/** See: rig/openstack/processes.sh. */
async function leadersIn(folder: string): Promise<Set<number>> {
  const files = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")),
  );
  return new Set(files.map((text) => Number.parseInt(text, 10)));
}
