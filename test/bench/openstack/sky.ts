import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { cloudAdmin } from "../../rig/cloud-admin.ts";
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

const RIG = resolve(import.meta.dirname, "../../rig/openstack/rig");
const FAMILY = "bench";

/** The rig, with Nova's pretended hypervisor. */
export async function genuineSky(tell: (text: string) => void): Promise<Sky> {
  const rig = execa({ lines: true, env: { VIRT: "fake" } })(RIG, ["up"]);
  for await (const line of rig.iterable({ from: "stderr" })) tell(line);
  const folder = (await rig).stdout.at(-1) ?? "";
  const file = join(folder, "clouds.yaml");
  const { clouds } = parse(await readFile(file, "utf8"));
  const inCloud = execa({ env: { OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: "lab" } });
  const { stdout: image } = await inCloud("openstack", imageOf(join(folder, "clouds.yaml")));
  const sessions = await leadersIn(join(folder, "pid"));
  return {
    entry: clouds.lab,
    network: "lab",
    family: FAMILY,
    flavor: "m1.small",
    things: (await cloudAdmin(file)).things,
    cpuSeconds: () => cpuSecondsOf(ofSessions(sessions)),
    close: async () => void (await inCloud("openstack", ["image", "delete", image])),
  };
}

/** NB: what is in it does not matter, for nothing boots from it. */
const imageOf = (anyFile: string): string[] => [
  ...["image", "create", "--disk-format", "raw", "--container-format", "bare", "--file", anyFile],
  ...["--tag", `mayfly:${FAMILY}:current`, "-f", "value", "-c", "id", "bench"],
];

/** See: rig/openstack/processes.sh. */
async function leadersIn(folder: string): Promise<Set<number>> {
  const files = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")),
  );
  return new Set(files.map((text) => Number.parseInt(text, 10)));
}
