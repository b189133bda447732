import { type Download, faultsOfDownload, isNewer, Refused } from "./locks.ts";
import type { Outside } from "./outside.ts";
import type { Release } from "./runner.ts";

/** Where the newest of a thing is found. */
export type Finder = (outside: Outside, known: Download | undefined) => Promise<Download>;

/** What Linux images are made from. The names are those of the lock. */
export const BASES: Readonly<Record<string, Finder>> = {
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

/** What goes into images of Windows. NB: all that comes for Windows' own SSH is called a preview. */
export const MEDIA: Readonly<Record<string, Finder>> = {
  "virtio-win": byRedirect({
    url: "https://fedorapeople.org/groups/virt/virtio-win/direct-downloads/stable-virtio/virtio-win.iso",
    version: /\/virtio-win-([\d.]+)\.iso$/,
  }),
  openssh: byRelease({
    repository: "PowerShell/Win32-OpenSSH",
    asset: /^OpenSSH-Win64-v[\d.]+\.msi$/,
    version: (tag) => tag.replace(/^v/, ""),
    previews: true,
  }),
  git: byRelease({
    repository: "git-for-windows/git",
    asset: /^Git-([\d.]+)-64-bit\.exe$/,
    version: (_tag, inName) => inName,
  }),
  powershell: byRelease({
    repository: "PowerShell/PowerShell",
    asset: /^PowerShell-([\d.]+)-win-x64\.msi$/,
    version: (_tag, inName) => inName,
  }),
  "cloudbase-init": byRelease({
    repository: "cloudbase/cloudbase-init",
    asset: /^CloudbaseInitSetup_([\d_]+)_x64\.msi$/,
    version: (_tag, inName) => inName.replaceAll("_", "."),
  }),
};

/** The newest of a thing, if it is newer than what the lock has. */
export async function newDownload(
  name: string,
  find: Finder,
  known: Download | undefined,
  outside: Outside,
): Promise<Download | undefined> {
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

/** A release at GitHub, which computes the digests of what is in it. `previews`: those that are no finished ones count, too. */
function byRelease(thing: {
  repository: string;
  asset: RegExp;
  version: (tag: string, inName: string) => string;
  previews?: boolean;
}): Finder {
  return async (outside) => {
    const { tag_name, assets } = await newestRelease(thing, outside);
    const asset = assets.find(({ name }) => thing.asset.test(name));
    if (asset === undefined)
      throw new Refused(`GitHub's release ${tag_name} of ${thing.repository} has no ${thing.asset}`);
    return {
      version: thing.version(tag_name, thing.asset.exec(asset.name)?.[1] ?? ""),
      url: asset.browser_download_url,
      digest: asset.digest ?? "",
      digestFrom: `GitHub's digest of the asset, ${thing.repository} ${tag_name}`,
    };
  };
}

async function newestRelease(
  { repository, previews }: { repository: string; previews?: boolean },
  outside: Outside,
): Promise<Release> {
  if (!previews) return outside.json<Release>(`/repos/${repository}/releases/latest`);
  const releases = await outside.json<Release[]>(`/repos/${repository}/releases?per_page=10`);
  const [newest] = releases.filter(({ draft }) => !draft);
  if (newest === undefined) throw new Refused(`${repository} has no release`);
  return newest;
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
