import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { startCloud } from "../../rig/openstack/cloud.ts";
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

/** The rig, with Nova's pretended hypervisor. */
export async function genuineSky(tell: (text: string) => void): Promise<Sky> {
  const cloud = await startCloud({ virt: "fake" }, tell);
  const { clouds } = parse(await readFile(cloud.cloudsFile, "utf8"));
  const tags = [`mayfly:${FAMILY}:current`];
  const image = await cloud.addImage({ name: "bench", tags });
  const sessions = await leadersIn(join(cloud.folder, "pid"));
  return {
    entry: clouds.lab,
    network: "lab",
    family: FAMILY,
    flavor: "m1.small",
    things: () => thingsOf(cloud.admin),
    cpuSeconds: () => cpuSecondsOf(ofSessions(sessions)),
    close: async () => void (await cloud.demo.call("image", "DELETE", `/v2/images/${image}`)),
  };
}

/** See: rig/openstack/processes.sh. */
async function leadersIn(folder: string): Promise<Set<number>> {
  const files = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")),
  );
  return new Set(files.map((text) => Number.parseInt(text, 10)));
}
