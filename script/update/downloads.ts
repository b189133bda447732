import { type Download, faultsOfDownload, isNewer, Refused } from "./locks.ts";
import type { Outside } from "./outside.ts";
import type { Release } from "./runner.ts";

type Found = Download;

/** Where the newest of a thing is found. */
type Finder = (outside: Outside, known: Download | undefined) => Promise<Found>;

/** What images are made from. The names are those that recipes use. */
export const FINDERS: Readonly<Record<string, Finder>> = {
  "virtio-win": byRedirect({
    url: "https://fedorapeople.org/groups/virt/virtio-win/direct-downloads/stable-virtio/virtio-win.iso",
    version: /\/virtio-win-([\d.]+)\.iso$/,
  }),
  "cloudbase-init": byRelease({
    repository: "cloudbase/cloudbase-init",
    asset: (version) => `CloudbaseInitSetup_${version.replaceAll(".", "_")}_x64.msi`,
  }),
  "debian-12": bySums({
    index: "https://cloud.debian.org/images/cloud/bookworm/",
    folder: /href="(\d{8}-\d+)\/"/g,
    path: (version) => `${version}/debian-12-genericcloud-amd64-${version}.qcow2`,
    sums: "SHA512SUMS",
  }),
  "debian-12-installer": bySums({
    index: "https://cdimage.debian.org/cdimage/archive/",
    folder: /href="(12\.\d+\.\d+)\/"/g,
    path: (version) => `${version}/amd64/iso-cd/debian-${version}-amd64-netinst.iso`,
    sums: "SHA256SUMS",
  }),
  "ubuntu-24.04": bySums({
    index: "https://cloud-images.ubuntu.com/releases/noble/",
    folder: /href="release-(\d{8}(?:\.\d+)?)\/"/g,
    path: (version) => `release-${version}/ubuntu-24.04-server-cloudimg-amd64.img`,
    sums: "SHA256SUMS",
  }),
};

/** The newest of a thing, if it is newer than what the lock has. */
export async function newDownload(
  name: string,
  known: Download | undefined,
  outside: Outside,
): Promise<Download | undefined> {
  const find = FINDERS[name];
  if (find === undefined)
    throw new Refused(`nobody knows where ${name} comes from: enter it in script/update/downloads.ts`);
  const found = await find(outside, known);
  if (known !== undefined && isNewer(known.version, found.version))
    throw new Refused(`${found.version} is older than what is pinned, ${known.version}`);
  const faults = faultsOfDownload(name, found);
  if (faults.length > 0) throw new Refused(faults.join(", "));
  if (known?.version !== found.version) return found;
  if (found.digest !== known.digest)
    throw new Refused(`${known.version} is no longer what is pinned. Find out why before you use it`);
  return undefined;
}

/** A folder of folders, one for each version, with a list of digests in each. */
function bySums(thing: {
  index: string;
  folder: RegExp;
  path: (version: string) => string;
  sums: "SHA256SUMS" | "SHA512SUMS";
}): Finder {
  return async (outside) => {
    const versions = Array.from(
      (await outside.text(thing.index)).matchAll(thing.folder),
      ([, name = ""]) => name,
    );
    const version = versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
    if (version === undefined) throw new Refused(`${thing.index} lists no version`);
    const url = `${thing.index}${thing.path(version)}`;
    const sums = new URL(thing.sums, url).href;
    const digest = digestIn(await outside.text(sums), url.slice(url.lastIndexOf("/") + 1));
    if (digest === undefined) throw new Refused(`${sums} does not name ${url}`);
    const kind = thing.sums === "SHA512SUMS" ? "sha512" : "sha256";
    return { version, url, digest: `${kind}:${digest}`, digestFrom: sums };
  };
}

/** As sha256sum writes it: the digits, a blank, a blank or an asterisk, the name. */
function digestIn(sums: string, file: string): string | undefined {
  const line = sums.split("\n").find((each) => each.trim().split(/ [ *]/)[1] === file);
  return line?.trim().split(" ")[0];
}

function byRelease(thing: { repository: string; asset: (version: string) => string }): Finder {
  return async (outside) => {
    const path = `/repos/${thing.repository}/releases/latest`;
    const { tag_name, assets } = await outside.json<Release>(path);
    const version = tag_name.replace(/^v/, "");
    const asset = assets.find(({ name }) => name === thing.asset(version));
    if (asset === undefined)
      throw new Refused(`GitHub's release ${tag_name} of ${thing.repository} has no ${thing.asset(version)}`);
    return {
      version,
      url: asset.browser_download_url,
      digest: asset.digest ?? "",
      digestFrom: `GitHub's digest of the asset, ${thing.repository} ${tag_name}`,
    };
  };
}

/** An address that leads to the newest. NB: nobody publishes a digest of it, so it is downloaded, once for each version. */
function byRedirect(thing: { url: string; version: RegExp }): Finder {
  return async (outside, known) => {
    const url = await outside.location(thing.url);
    const version = thing.version.exec(url)?.[1];
    if (version === undefined) throw new Refused(`${thing.url} leads to ${url}, which names no version`);
    if (known !== undefined && !isNewer(version, known.version)) return { ...known, version };
    const day = new Date().toISOString().slice(0, 10);
    const digest = `sha256:${await outside.sha256(url)}`;
    return {
      version,
      url,
      digest,
      digestFrom: `computed from the download on ${day}; its makers publish none`,
    };
  };
}
