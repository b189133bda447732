import { archiveName, faultsOfRunner, isNewer, Refused, type RunnerLock, SYSTEMS } from "./locks.ts";
import type { Outside } from "./outside.ts";

/** See: GitHub REST, "Get a release". */
export type Release = {
  tag_name: string;
  draft: boolean;
  prerelease: boolean;
  published_at: string | null;
  body: string | null;
  assets: readonly Asset[];
};

type Asset = { name: string; browser_download_url: string; digest?: string | null };

export type Wanted = {
  /** Left out: the newest. */
  version?: string | undefined;
  /** Whether each archive is downloaded, to see that it is what GitHub says. */
  download: boolean;
};

const REPOSITORY = "actions/runner";

/** The lock of a newer runner, or nothing if there is none. */
export async function newRunner(
  lock: RunnerLock,
  { version, download }: Wanted,
  outside: Outside,
): Promise<RunnerLock | undefined> {
  const which = version === undefined ? "latest" : `tags/v${version}`;
  const release = await outside.json<Release>(`/repos/${REPOSITORY}/releases/${which}`);
  const found = lockOf(release);
  if (found.version === lock.version) return refuseOthers(lock, found);
  if (!isNewer(found.version, lock.version))
    throw new Refused(`${found.version} is older than the runner that is pinned, ${lock.version}`);
  if (download) await checkDownloads(release, found, outside);
  return found;
}

function lockOf(release: Release): RunnerLock {
  const version = /^v(\d+\.\d+\.\d+)$/.exec(release.tag_name)?.[1];
  if (version === undefined || release.draft || release.prerelease)
    throw new Refused(`GitHub's release ${release.tag_name} of the runner is no finished one`);
  const archives = Object.fromEntries(SYSTEMS.map((system) => [system, archiveOf(release, system, version)]));
  const lock = { version, released: (release.published_at ?? "").slice(0, "2026-11-27".length), archives };
  const faults = faultsOfRunner(lock);
  if (faults.length > 0) throw new Refused(`GitHub's release ${version}: ${faults.join(", ")}`);
  return lock;
}

/**
 * NB: GitHub computes an asset's digest itself; the release's notes are written by those who build the runner. Both must be there, and
 * agree: what only one of them vouches for is not written down.
 */
function archiveOf(release: Release, system: string, version: string): { file: string; sha256: string } {
  const file = archiveName(system, version);
  const digest = assetOf(release, file).digest ?? "";
  const sha256 = digest.startsWith("sha256:") ? digest.slice("sha256:".length) : "";
  const noted = new RegExp(`<!-- BEGIN SHA ${system} -->([0-9a-f]{64})<!-- END SHA ${system} -->`).exec(
    release.body ?? "",
  )?.[1];
  if (noted === undefined)
    throw new Refused(
      `the notes of GitHub's release ${release.tag_name} have no digest for ${file}. Look at the release, and pin it by hand if it is right`,
    );
  if (noted !== sha256)
    throw new Refused(`${file} has the digest ${digest || "(none)"}, and the release's notes say ${noted}`);
  return { file, sha256 };
}

function assetOf({ tag_name, assets }: Release, file: string): Asset {
  const asset = assets.find(({ name }) => name === file);
  if (asset === undefined) throw new Refused(`GitHub's release ${tag_name} has no ${file}`);
  return asset;
}

/** A released archive does not change. If it did, somebody must look. The day may have been written down wrongly. */
function refuseOthers(lock: RunnerLock, found: RunnerLock): RunnerLock | undefined {
  for (const [system, { sha256 }] of Object.entries(lock.archives))
    if (found.archives[system]?.sha256 !== sha256)
      throw new Refused(
        `GitHub's runner ${lock.version} for ${system} is no longer what is pinned. Find out why before you use it`,
      );
  return found.released === lock.released ? undefined : found;
}

async function checkDownloads(release: Release, lock: RunnerLock, outside: Outside): Promise<void> {
  for (const { file, sha256 } of Object.values(lock.archives)) {
    const found = await outside.sha256(assetOf(release, file).browser_download_url);
    if (found !== sha256) throw new Refused(`${file} has the SHA-256 ${found}, and GitHub says ${sha256}`);
  }
}
