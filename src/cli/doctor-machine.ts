import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Image } from "../core/types.ts";

const GIB = 2 ** 30;
const DAY_MS = 24 * 3_600_000;
/** VMs' disks, the store and the evidence are there; a VM of an ordinary job takes some GiB. */
const LEAST_FREE_BYTES = 5 * GIB;
/** See: docs.github.com, "Self-hosted runners reference", "Runner software updates": a new version has to be taken within 30 days. */
const OLD_BOX_MS = 60 * DAY_MS;

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

/** Images whose box file is so old that GitHub may refuse the runner in it. Of boxes by name nobody knows the age. */
export async function imageFaults(images: readonly Image[], now: number): Promise<string[]> {
  const faults: string[] = [];
  for (const { name, prepared, box } of images) {
    if (!prepared || box?.file === undefined) continue;
    const file = await stat(box.file).catch(() => undefined);
    const age = now - (file?.mtimeMs ?? now);
    if (!file) faults.push(`The box file of ${name} is not there: ${box.file}`);
    if (age > OLD_BOX_MS) {
      faults.push(
        `The box of ${name} is ${Math.floor(age / DAY_MS)} days old, and the runner in it may be older. GitHub refuses runners that are some months behind: build the box anew.`,
      );
    }
  }
  return faults;
}
