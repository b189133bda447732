import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Clock } from "../ports.ts";
import { CommandError } from "./exec.ts";
import { virsh } from "./libvirt-virsh.ts";
import { slots } from "./slots.ts";
import type { Preparation } from "./vagrant-hypervisor.ts";

const UPLOAD_LIMIT_MS = 30 * 60_000;
const GROWTH_MS = 2000;

/**
 * The volumes that the VMs of a box share: the box's images, uploaded into the pool once.
 * WARN: vagrant-libvirt uploads them too, but takes any volume of the right name as good: one that another `vagrant up` is
 * still uploading, and one whose upload was cut short, whose guests then never boot. So they are made here, one at a time,
 * and their size is compared with the box's before each use.
 */
export function baseVolumes(
  pool: string,
  clock: Clock,
): {
  ready: (preparation: Preparation, signal: AbortSignal) => Promise<void>;
} {
  const lock = slots(1);
  return {
    ready: async (preparation, signal) => {
      const leave = await lock.take(signal);
      try {
        for (const image of await imagesOf(preparation))
          await ensure(image, clock, { pool, signal, log: preparation.log });
      } finally {
        leave();
      }
    },
  };
}

type BoxImage = { volume: string; file: string };
type Options = { pool: string; signal: AbortSignal; log: string };

async function ensure({ volume, file }: BoxImage, clock: Clock, options: Options): Promise<void> {
  const { size } = await stat(file);
  const there = await settledSize(volume, size, clock, options);
  if (there === size) return;
  if (there !== undefined) await virsh(["vol-delete", "--pool", options.pool, volume], options);
  await upload({ volume, file }, options);
  const uploaded = await volumeSize(volume, options);
  if (uploaded !== size)
    throw new Error(`${volume} holds ${uploaded ?? 0} of ${size} bytes after its upload into the pool`);
}

/** The volume's size, once it has stopped growing: another controller on this host may be uploading the same box. */
async function settledSize(
  volume: string,
  size: number,
  clock: Clock,
  options: Options,
): Promise<number | undefined> {
  let before = await volumeSize(volume, options);
  while (before !== undefined && before < size) {
    await clock.until(clock.now() + GROWTH_MS, options.signal);
    const now = await volumeSize(volume, options);
    if (now === before) return now;
    before = now;
  }
  return before;
}

async function upload({ volume, file }: BoxImage, options: Options): Promise<void> {
  const capacity = `${await virtualSize(file)}`;
  await virsh(["vol-create-as", options.pool, volume, capacity, "--format", "qcow2"], options);
  try {
    await virsh(["vol-upload", "--pool", options.pool, volume, file], {
      ...options,
      limitMs: UPLOAD_LIMIT_MS,
    });
  } catch (error) {
    await virsh(["vol-delete", "--pool", options.pool, volume], { signal: new AbortController().signal });
    throw error;
  }
}

/** Bytes that the volume's file has. None: there is no such volume. */
async function volumeSize(volume: string, options: Options): Promise<number | undefined> {
  try {
    const { stdout } = await virsh(["vol-dumpxml", "--pool", options.pool, volume], {
      signal: options.signal,
    });
    const [, bytes] = /<physical unit='bytes'>(\d+)</.exec(stdout) ?? [];
    return bytes === undefined ? 0 : Number(bytes);
  } catch (error) {
    if (error instanceof CommandError && /no storage vol|Storage volume not found/.test(error.said))
      return undefined;
    throw error;
  }
}

const METADATA = z.object({
  disks: z.array(z.object({ path: z.string(), name: z.string().optional() })).optional(),
});

/**
 * The images in a box and what vagrant-libvirt calls their volumes.
 * See: vagrant-libvirt 0.11.2, action/handle_box_image.rb. A box of the first format has one image, `box.img`.
 */
async function imagesOf({ order, boxFolder }: Preparation): Promise<BoxImage[]> {
  const { name, version } = order.box;
  // NB: without a version the volume is named by the time of the box's file, by Vagrant alone.
  if (version === undefined) return [];
  const metadata = METADATA.parse(JSON.parse(await readFile(join(boxFolder, "metadata.json"), "utf8")));
  const disks = metadata.disks ?? [{ path: "box.img", name: "box" }];
  const prefix = `${name.replaceAll("/", "-VAGRANTSLASH-")}_vagrant_box_image_${version}`;
  return disks.map(({ path, name: disk = path.replace(/\.[^.]*$/, "") }) => ({
    volume: `${prefix}_${disk.replaceAll("/", "-SLASH-")}.img`,
    file: join(boxFolder, path),
  }));
}

const QCOW2_SIZE_OFFSET = 24;

/** Size of the disk in a qcow2 image, in bytes. See: QEMU docs, interop/qcow2: a big-endian number at byte 24 of the header. */
async function virtualSize(file: string): Promise<bigint> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, QCOW2_SIZE_OFFSET);
    return buffer.readBigUInt64BE();
  } finally {
    await handle.close();
  }
}
