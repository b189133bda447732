import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { boxRunnerWords } from "../core/image-age.ts";
import type { Image } from "../core/types.ts";
import { factsOf } from "../drivers/box-facts.ts";

const GIB = 2 ** 30;
/** VMs' disks, the store and the evidence are there; a VM of an ordinary job takes some GiB. */
const LEAST_FREE_BYTES = 5 * GIB;

/** What is wrong with the data folder. `freeBytesAt`: only tests set it. */
export async function dataFaults(data: string, freeBytesAt = freeBytes): Promise<string[]> {
  const folder = await nearestFolder(data);
  const faults: string[] = [];
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    faults.push(
      `${folder} cannot be written (${reason}). Give it to the user that runs Mayfly, or set another one with "data" in mayfly.yml.`,
    );
  }
  const free = await freeBytesAt(folder);
  if (free < LEAST_FREE_BYTES) {
    faults.push(
      `Only ${(free / GIB).toFixed(1)} GiB are free where ${folder} is. VMs' disks are there: make room, or set another folder with "data" in mayfly.yml.`,
    );
  }
  return faults;
}

/** The data folder is made at the first start: until then its parent tells. */
async function nearestFolder(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearestFolder(dirname(path));
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Images whose box has so old a runner that GitHub may refuse it. Of boxes by name nobody knows the age. */
export async function imageFaults(images: readonly Image[], now: number): Promise<string[]> {
  const faults = images.map(async ({ name, prepared, box }) =>
    prepared && box?.file !== undefined ? boxFaults(name, box.file, now) : [],
  );
  return (await Promise.all(faults)).flat();
}

/** NB: a box that cannot be read is told of by its host's driver. */
async function boxFaults(image: string, path: string, now: number): Promise<string[]> {
  const file = await stat(path).catch(() => undefined);
  if (!file) return [`The box file of ${image} is not there: ${path}`];
  const facts = await factsOf(path).catch(() => ({}));
  return boxRunnerWords(`The box of ${image}`, { builtAt: file.mtimeMs, ...facts }, now);
}
