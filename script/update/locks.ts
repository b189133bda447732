import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** guest/runner.lock.json: GitHub's runner. */
export type RunnerLock = {
  version: string;
  /** The day, as 2026-11-27: GitHub refuses a runner 30 days after the next one was released. */
  released: string;
  archives: Record<string, { file: string; sha256: string }>;
};

/** images/downloads.lock.json: what Linux images are made from. */
export type DownloadsLock = Record<string, Download>;

/** packer_windows/media.lock.json: what goes into images of Windows. */
export type MediaLock = Record<string, { version: string; url: string; sha256: string }>;

export type Download = {
  version: string;
  url: string;
  /** As Packer's iso_checksum takes it: `sha256:` or `sha512:`, and the digits. */
  digest: string;
  /** Who says so. */
  digestFrom: string;
};

/** Something that must not be written down: the sentence says what, and what to do. */
export class Refused extends Error {
  override name = "Refused";
}

export const RUNNER_LOCK = "guest/runner.lock.json";
export const DOWNLOADS_LOCK = "images/downloads.lock.json";
export const MEDIA_LOCK = "packer_windows/media.lock.json";

/** Every system that the runner must be pinned for. */
export const SYSTEMS = ["linux-x64", "linux-arm64", "osx-x64", "osx-arm64", "win-x64", "win-arm64"] as const;

export const archiveName = (system: string, version: string): string =>
  `actions-runner-${system}-${version}.${system.startsWith("win") ? "zip" : "tar.gz"}`;

/** What is wrong with a runner's lock. */
export function faultsOfRunner({ version, released, archives }: RunnerLock): string[] {
  const missing = SYSTEMS.filter((system) => archives[system] === undefined);
  const faults = Object.entries(archives).flatMap(([system, { file, sha256 }]) => [
    ...(file === archiveName(system, version) ? [] : [`${system} names the file ${file}`]),
    ...(/^[0-9a-f]{64}$/.test(sha256) ? [] : [`${system} has no SHA-256`]),
  ]);
  const undated = /^\d{4}-\d\d-\d\d$/.test(released) ? [] : ["the day of its release is missing"];
  return [...undated, ...missing.map((system) => `${system} is missing`), ...faults];
}

/** What is wrong with a download's entry. */
export function faultsOfDownload(name: string, { version, url, digest, digestFrom }: Download): string[] {
  return [
    ...(version ? [] : [`${name} has no version`]),
    ...(/^https:\/\//.test(url) ? [] : [`${name} does not come by https`]),
    ...(url.includes(version) ? [] : [`${name} has an address that its version is not in`]),
    ...(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(digest) ? [] : [`${name} has no digest`]),
    ...(digestFrom ? [] : [`${name} does not say who its digest is from`]),
  ];
}

/** An entry of the media's lock as a download, and back. */
export const ofMedia = ({ sha256, ...rest }: MediaLock[string]): Download => ({
  ...rest,
  digest: `sha256:${sha256}`,
  digestFrom: MEDIA_LOCK,
});
export const toMedia = ({ version, url, digest }: Download): MediaLock[string] => ({
  version,
  url,
  sha256: digest.replace("sha256:", ""),
});

/** Whether a version comes after another: by their numbers, part by part. */
export const isNewer = (version: string, than: string): boolean =>
  version.localeCompare(than, "en", { numeric: true }) > 0;

export const readLock = <Lock>(project: string, path: string): Lock =>
  JSON.parse(readFileSync(join(project, path), "utf8"));

export const writeLock = (project: string, path: string, lock: object): void =>
  writeFileSync(join(project, path), `${JSON.stringify(lock, null, 2)}\n`);
