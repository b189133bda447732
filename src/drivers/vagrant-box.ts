import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Logger } from "pino";
import type { Box, Provider } from "../core/types.ts";
import type { Clock } from "../ports.ts";
import { expiryGuard } from "./box-expiry.ts";
import { run } from "./exec.ts";
import { slots } from "./slots.ts";

/** A box that Vagrant has. */
export type ReadyBox = { name: string; version: string | undefined; folder: string };

export type Boxes = {
  /** Makes sure that Vagrant has the box, and that it has not ended. Throws with what to do if it cannot. */
  ready: (box: Box, options: { signal: AbortSignal; log: string }) => Promise<ReadyBox>;
  /** Throws a `SetupError` if the box has ended, as far as that is known before Vagrant has it. */
  refuseEnded: (box: Box) => Promise<void>;
};

const ADD_LIMIT_MS = 60 * 60_000;
/** Written into a box's folder when Vagrant has added it whole. */
const WHOLE = ".mayfly-whole";

/** The boxes of one Vagrant home. They are added on demand, one at a time. */
export function boxes(parts: {
  vagrantHome: string;
  provider: Provider;
  env: Readonly<Record<string, string>>;
  clock: Clock;
  log: Logger;
}): Boxes {
  const lock = slots(1);
  const digests = digester();
  const guard = expiryGuard(parts);

  return {
    ready: async (box, options) => {
      const leave = await lock.take(options.signal);
      try {
        const ready =
          box.file === undefined
            ? await fromCatalogue(box, parts, options)
            : await fromFile({ ...box, file: box.file }, digests, parts, options);
        await guard(box, ready.folder);
        return ready;
      } finally {
        leave();
      }
    },
    refuseEnded: async (box) => {
      const there = box.file === undefined ? await inCatalogue(box, parts) : undefined;
      if (there || box.file !== undefined) await guard(box, there?.folder ?? "");
    },
  };
}

type Parts = Parameters<typeof boxes>[0];
type Options = { signal: AbortSignal; log: string };

/**
 * A box from a file gets its version from its content. NB: vagrant-libvirt never uploads a rebuilt box of a version it has
 * seen, so a version must not mean two contents.
 */
async function fromFile(
  box: Box & { file: string },
  digests: Digester,
  parts: Parts,
  options: Options,
): Promise<ReadyBox> {
  const file = resolve(box.file);
  const digest = await digests(file);
  if (box.sha256 !== undefined && box.sha256.toLowerCase() !== digest)
    throw new Error(
      `${file} has the SHA-256 ${digest}, and the catalogue wants ${box.sha256.toLowerCase()}.`,
    );
  const version = versionOf(digest);
  const there = await find(box.name, version, parts);
  if (there) return { name: box.name, version, folder: there };
  await addFile({ name: box.name, version, file }, parts, options);
  return whole(box.name, version, parts);
}

/** A number from the digest's first 48 bits. See: Vagrant docs, box versioning: only numbers make an ordinary version. */
export const versionOf = (digest: string): string => `1.${Number.parseInt(digest.slice(0, 12), 16)}`;

/** NB: only a box's metadata file can give a version to a box that comes from a file. */
async function addFile(
  box: { name: string; version: string; file: string },
  parts: Parts,
  options: Options,
): Promise<void> {
  const folder = await mkdtemp(join(parts.vagrantHome, "adding-"));
  const metadata = join(folder, "metadata.json");
  const providers = [{ name: parts.provider, url: `file://${encodeURI(box.file)}` }];
  try {
    await writeFile(
      metadata,
      JSON.stringify({ name: box.name, versions: [{ version: box.version, providers }] }),
    );
    await add([metadata], parts, options);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function fromCatalogue(box: Box, parts: Parts, options: Options): Promise<ReadyBox> {
  const there = await inCatalogue(box, parts);
  if (there) return there;
  await add([box.name, ...(box.version === undefined ? [] : ["--box-version", box.version])], parts, options);
  return whole(box.name, box.version ?? (await newestVersion(box.name, parts)), parts);
}

/** A box that comes by name, if Vagrant has it. */
async function inCatalogue(box: Box, parts: Parts): Promise<ReadyBox | undefined> {
  const version = box.version ?? (await newestVersion(box.name, parts));
  const folder = version === undefined ? undefined : await find(box.name, version, parts);
  return folder === undefined ? undefined : { name: box.name, version, folder };
}

/** NB: `--force`, for a box that was being added when the process ended is there and not whole. */
async function add(what: readonly string[], parts: Parts, options: Options): Promise<void> {
  const command = ["vagrant", "box", "add", "--force", "--provider", parts.provider, ...what] as const;
  await run(command, { ...options, limitMs: ADD_LIMIT_MS, env: parts.env });
}

async function whole(name: string, version: string | undefined, parts: Parts): Promise<ReadyBox> {
  const folder = version === undefined ? undefined : await folderOf(name, version, parts);
  if (folder === undefined) throw new Error(`Vagrant added the box ${name}, but not for ${parts.provider}.`);
  await writeFile(join(folder, WHOLE), "");
  return { name, version, folder };
}

async function find(name: string, version: string, parts: Parts): Promise<string | undefined> {
  const folder = await folderOf(name, version, parts);
  return folder !== undefined && (await exists(join(folder, WHOLE))) ? folder : undefined;
}

/** NB: since 2.4.0 Vagrant puts a folder for the architecture between version and provider. */
async function folderOf(name: string, version: string, parts: Parts): Promise<string | undefined> {
  const home = join(boxFolder(name, parts), version);
  const architectures = await readdir(home).catch(() => []);
  const candidates = [".", ...architectures].map((between) => join(home, between, parts.provider));
  for (const folder of candidates) if (await exists(join(folder, "metadata.json"))) return folder;
  return undefined;
}

async function newestVersion(name: string, parts: Parts): Promise<string | undefined> {
  const entries = await readdir(boxFolder(name, parts)).catch(() => []);
  const versions = entries.filter((entry) => /^\d/.test(entry));
  return versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
}

const boxFolder = (name: string, parts: Parts): string =>
  join(parts.vagrantHome, "boxes", name.replaceAll("/", "-VAGRANTSLASH-"));

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

type Digester = (file: string) => Promise<string>;

/** SHA-256 of files, read once for each state of a file. */
function digester(): Digester {
  const known = new Map<string, string>();
  return async (file) => {
    const { size, mtimeMs, ino } = await stat(file).catch((error: unknown) => {
      throw new Error(`The box ${file} cannot be read. Build it, or mend box.file in mayfly.yml.`, {
        cause: error,
      });
    });
    const state = `${file} ${size} ${mtimeMs} ${ino}`;
    const digest = known.get(state) ?? (await digestOf(file));
    known.set(state, digest);
    return digest;
  };
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
