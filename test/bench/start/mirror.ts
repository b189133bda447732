import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { buildStandIn } from "../../rig/runner/build.ts";

/** A mirror on this machine, from which a VM can be set up: packages for apt, and the runner's archive. */
export type Mirror = {
  /** A line for sources.list. */
  aptSource: string;
  /** Address of the runner's archive, and its digest. */
  runner: { url: string; sha256: string };
  close: () => Promise<void>;
};

/** What GitHub's runner needs on Debian. See: actions/runner, installdependencies.sh. */
export const RUNNER_PACKAGES = ["libkrb5-3", "zlib1g", "liblttng-ust1", "libssl3", "libicu72"] as const;

/** Packages are fetched with this machine's apt, once: it must be of the box's suite. */
const CACHE = resolve(import.meta.dirname, "../../../.cache/bench/debs");

export async function startMirror({ folder, host }: { folder: string; host: string }): Promise<Mirror> {
  await fetchPackages();
  await writeFile(join(folder, "Packages"), await indexOf(CACHE));
  const runner = await buildStandIn(folder);
  const files = new Map(
    [join(folder, "Packages"), join(folder, runner.file)].map((path) => [`/${basename(path)}`, path]),
  );
  for (const name of await readdir(CACHE)) files.set(`/debs/${name}`, join(CACHE, name));
  const { url, close } = await serveFiles(files, host);
  return {
    aptSource: `deb [trusted=yes] ${url} ./`,
    runner: { url: `${url}/${runner.file}`, sha256: runner.sha256 },
    close,
  };
}

/** The packages and all that they depend on: all of them, or the cache stays empty. */
async function fetchPackages(): Promise<void> {
  if (existsSync(CACHE)) return;
  await mkdir(dirname(CACHE), { recursive: true });
  const folder = await mkdtemp(`${CACHE}-`);
  try {
    const kinds = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
    const without = kinds.map((kind) => `--no-${kind}`);
    const { stdout } = await execa("apt-cache", ["depends", "--recurse", ...without, ...RUNNER_PACKAGES]);
    const names = stdout.split("\n").filter((line) => /^[a-z0-9]/.test(line));
    await execa("apt-get", ["download", ...names], { cwd: folder });
    await rename(folder, CACHE);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An index as apt reads it: each package's own description, and where it is. */
async function indexOf(folder: string): Promise<string> {
  const entries = (await readdir(folder)).map(async (name) => {
    const path = join(folder, name);
    const content = await readFile(path);
    const { stdout } = await execa("dpkg-deb", ["--field", path]);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return `${stdout}\nFilename: ./debs/${name}\nSize: ${content.length}\nSHA256: ${sha256}\n`;
  });
  return (await Promise.all(entries)).join("\n");
}

async function serveFiles(
  files: ReadonlyMap<string, string>,
  host: string,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const path = files.get(
      decodeURIComponent(new URL(request.url ?? "/", "http://mirror").pathname).replace("/./", "/"),
    );
    if (path === undefined) return void response.writeHead(404).end();
    // NB: a guest that hangs up in the middle is its own affair.
    pipeline(createReadStream(path), response).catch(() => response.destroy());
  });
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(0, host, done);
  await promise;
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the mirror has no port");
  const close = async () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://${host}:${address.port}`, close };
}
