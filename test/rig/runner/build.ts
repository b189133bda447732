import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const LAYOUT = fileURLToPath(new URL("layout", import.meta.url));

/** The stand-in runner's archive, as a mirror would offer it. */
export type StandIn = {
  version: string;
  /** Folder of the archive: MAYFLY_RUNNER_MIRROR is `file://` and this. */
  folder: string;
  /** The archive's name in it. */
  file: string;
  sha256: string;
  /** Path of the lock file that names it: MAYFLY_RUNNER_LOCK. */
  lock: string;
};

/** Builds the stand-in runner's archive and lock file. The same content gives the same bytes. */
export async function buildStandIn(folder: string, version?: string, platform = "linux"): Promise<StandIn> {
  const staged = await mkdtemp(join(tmpdir(), "mayfly-standin-"));
  try {
    await cp(LAYOUT, staged, { recursive: true });
    if (version !== undefined) await writeFile(join(staged, "bin/version.txt"), `${version}\n`);
    const built = (await readFile(join(staged, "bin/version.txt"), "utf8")).trim();
    const system = `${platform}-${process.arch}`;
    const file = `actions-runner-${system}-${built}.tar.gz`;
    await mkdir(folder, { recursive: true });
    await pack(staged, join(folder, file));
    const sha256 = createHash("sha256")
      .update(await readFile(join(folder, file)))
      .digest("hex");
    const lock = join(folder, "runner.lock.json");
    await writeFile(
      lock,
      JSON.stringify(
        { version: built, released: "2026-11-20", archives: { [system]: { file, sha256 } } },
        null,
        2,
      ),
    );
    return { version: built, folder: resolve(folder), file, sha256, lock: resolve(lock) };
  } finally {
    await rm(staged, { recursive: true });
  }
}

const pack = async (from: string, to: string): Promise<void> => {
  const same = [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rwX,go=rX",
  ];
  await execa("tar", [
    "--create",
    ...same,
    "--use-compress-program=gzip -n",
    "--file",
    to,
    "--directory",
    from,
    ".",
  ]);
};

if (import.meta.main) {
  const [folder = "."] = process.argv.slice(2);
  console.log(JSON.stringify(await buildStandIn(folder)));
}
