import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SiteOptions } from "./site.ts";
import { SITE_IMAGE } from "./site-catalogue.ts";

const run = promisify(execFile);

/** Answers how to learn what a site's machines have left: asks the system itself, not Mayfly. To be called before there is any. */
export async function leftoversOf(options: SiteOptions, data: string): Promise<() => Promise<string[]>> {
  const { driver, cloud } = options;
  if (driver !== "openstack" || !cloud) return () => onThisMachine(options, data);
  const before = new Set(await cloud.things());
  return async () => (await cloud.things()).filter((thing) => !before.has(thing));
}

async function onThisMachine(
  { driver, controller, storage = "default" }: SiteOptions,
  data: string,
): Promise<string[]> {
  const folders = await readdir(join(data, "hosts/lab1/machines")).catch(() => []);
  const found = folders.map((name) => `folder ${name}`);
  if (driver === "fake") return found;
  const ours = (text: string) =>
    text.split("\n").filter((line) => line.includes(`mayfly-${controller}-${SITE_IMAGE}-`));
  const vms = await run("virsh", ["-c", "qemu:///system", "-q", "list", "--all", "--name"]);
  const disks = await run("virsh", ["-c", "qemu:///system", "-q", "vol-list", storage]);
  const processes = await run("ps", ["-eo", "args"]);
  return [
    ...found,
    ...ours(vms.stdout).map((line) => `VM ${line.trim()}`),
    ...ours(disks.stdout).map((line) => `disk ${line.trim()}`),
    ...ours(processes.stdout).map((line) => `process ${line.trim().slice(0, 120)}`),
  ];
}
