import { describe, expect, onTestFinished, test } from "vitest";
import bases from "../../images/downloads.lock.json" with { type: "json" };
import media from "../../packer_windows/media.lock.json" with { type: "json" };
import { BASES, MEDIA, newDownload } from "../../script/update/downloads.ts";
import {
  type DownloadsLock,
  faultsOfDownload,
  type MediaLock,
  ofMedia,
  Refused,
} from "../../script/update/locks.ts";
import { openOutside } from "../../script/update/outside.ts";
import { openPublishers, type Publishers, sha256 } from "./publishers.ts";

const asMedia: MediaLock = media;
const pinned: DownloadsLock = {
  ...bases,
  ...Object.fromEntries(Object.entries(asMedia).map(([name, entry]) => [name, ofMedia(entry)])),
};
const CLOUDBASE = "api.github.com/repos/cloudbase/cloudbase-init/releases/latest";
const VIRTIO = "fedorapeople.org/groups/virt/virtio-win/direct-downloads";
const DEBIAN = "cloud.debian.org/images/cloud/bookworm";

async function published(pages: Record<string, string | { leadsTo: string }>) {
  const publishers = await openPublishers();
  onTestFinished(() => publishers.close());
  for (const [path, page] of Object.entries(pages)) publishers.pages.set(path, page);
  return publishers;
}

async function find(name: string, publishers: Publishers) {
  const finder = { ...BASES, ...MEDIA }[name];
  if (finder === undefined) throw new Error(`nobody finds ${name}`);
  return newDownload(name, finder, pinned[name], openOutside({ through: publishers.url }));
}

describe("the locks of what images are made from", () => {
  test("have all that is looked for, and nothing that nobody looks for", () => {
    expect(Object.keys(bases).sort()).toEqual(Object.keys(BASES).sort());
    expect(Object.keys(media).sort()).toEqual(Object.keys(MEDIA).sort());
  });

  test.each(Object.entries(pinned))(
    "%s has a version, an address, a digest and who says so",
    (name, entry) => {
      expect(faultsOfDownload(name, entry)).toEqual([]);
    },
  );

  const good = {
    version: "1.2",
    url: "https://a/1.2",
    digest: `sha256:${"0".repeat(64)}`,
    digestFrom: "them",
  };
  test.each([
    ["has no digest", { digest: "" }],
    ["has no digest", { digest: `sha256:${"0".repeat(63)}` }],
    ["has no digest", { digest: `sha512:${"0".repeat(64)}` }],
    ["has no digest", { digest: "0".repeat(64) }],
    ["does not say who its digest is from", { digestFrom: "" }],
    ["does not come by https", { url: "http://a/1.2" }],
    ["has an address that its version is not in", { url: "https://a/latest" }],
  ])("would not be right with an entry that %s: %j", (says, change) => {
    expect(faultsOfDownload("thing", good)).toEqual([]);
    expect(faultsOfDownload("thing", { ...good, ...change })).toContain(`thing ${says}`);
  });
});

describe("a newer base image", () => {
  const sums = (version: string, digest: string) =>
    `${"1".repeat(128)}  debian-12-genericcloud-arm64-${version}.qcow2\n${digest}  debian-12-genericcloud-amd64-${version}.qcow2\n`;
  const digest = "2".repeat(128);

  test("is the last of its folder, by its number, with the digest from the list beside it", async () => {
    const publishers = await published({
      [`${DEBIAN}/`]: '<a href="20270102-2700/">x</a><a href="20261231-10000/">x</a><a href="daily/">x</a>',
      [`${DEBIAN}/20270102-2700/SHA512SUMS`]: sums("20270102-2700", digest),
    });

    expect(await find("debian-12", publishers)).toEqual({
      version: "20270102-2700",
      url: `https://${DEBIAN}/20270102-2700/debian-12-genericcloud-amd64-20270102-2700.qcow2`,
      digest: `sha512:${digest}`,
      digestFrom: `https://${DEBIAN}/20270102-2700/SHA512SUMS`,
    });
  });

  test("of Ubuntu's and Debian's installer are found as well, in their own forms", async () => {
    const [ubuntu, installer] = [
      "cloud-images.ubuntu.com/releases/noble",
      "cdimage.debian.org/cdimage/archive",
    ];
    const short = "3".repeat(64);
    const publishers = await published({
      [`${ubuntu}/`]:
        '<a href="release-20270101.1/">x</a><a href="release-20270101/">x</a><a href="release/">x</a>',
      [`${ubuntu}/release-20270101.1/SHA256SUMS`]: `${short} *ubuntu-24.04-server-cloudimg-amd64.img\n`,
      [`${installer}/`]:
        '<a href="12.16.0-live/">x</a><a href="12.16.0/">x</a><a href="13.9.0/">x</a><a href="12.9.0/">x</a>',
      [`${installer}/12.16.0/amd64/iso-cd/SHA256SUMS`]: `${short}  debian-12.16.0-amd64-netinst.iso\n`,
    });

    expect(await find("ubuntu-24.04", publishers)).toMatchObject({
      version: "20270101.1",
      digest: `sha256:${short}`,
    });
    expect(await find("debian-12-installer", publishers)).toMatchObject({
      version: "12.16.0",
      digest: `sha256:${short}`,
    });
  });

  test.each([
    ["is not in the list beside it", "other.qcow2", /does not name/],
    ["has a digest that is none", `zz  debian-12-genericcloud-amd64-20270102-2700.qcow2`, /has no digest/],
  ])("that %s is refused", async (_what, list, says) => {
    const publishers = await published({
      [`${DEBIAN}/`]: '<a href="20270102-2700/">x</a>',
      [`${DEBIAN}/20270102-2700/SHA512SUMS`]: list,
    });

    await expect(find("debian-12", publishers)).rejects.toThrow(says);
  });

  test("is refused if it is older than what is pinned, or the same with another digest", async () => {
    const { version = "" } = pinned["debian-12"] ?? {};
    const older = await published({
      [`${DEBIAN}/`]: '<a href="20200101-1/">x</a>',
      [`${DEBIAN}/20200101-1/SHA512SUMS`]: sums("20200101-1", digest),
    });
    const other = await published({
      [`${DEBIAN}/`]: `<a href="${version}/">x</a>`,
      [`${DEBIAN}/${version}/SHA512SUMS`]: sums(version, digest),
    });

    await expect(find("debian-12", older)).rejects.toThrow(Refused);
    await expect(find("debian-12", other)).rejects.toThrow("is no longer what is pinned");
  });

  test("is none if the pinned one is the last", async () => {
    const { version = "", digest: is = "" } = pinned["debian-12"] ?? {};
    const publishers = await published({
      [`${DEBIAN}/`]: `<a href="${version}/">x</a>`,
      [`${DEBIAN}/${version}/SHA512SUMS`]: sums(version, is.replace("sha512:", "")),
    });

    expect(await find("debian-12", publishers)).toBeUndefined();
  });
});

describe("a newer Cloudbase-Init", () => {
  const release = (digest: string | null) =>
    JSON.stringify({
      tag_name: "1.2.0",
      assets: [
        {
          name: "CloudbaseInitSetup_1_2_0_x86.msi",
          browser_download_url: "https://a/1.2.0/x86",
          digest: "sha256:0",
        },
        { name: "CloudbaseInitSetup_1_2_0_x64.msi", browser_download_url: "https://a/1.2.0/x64", digest },
      ],
    });

  test("has the digest that GitHub gives", async () => {
    const publishers = await published({ [CLOUDBASE]: release(`sha256:${"4".repeat(64)}`) });

    expect(await find("cloudbase-init", publishers)).toMatchObject({
      version: "1.2.0",
      url: "https://a/1.2.0/x64",
      digest: `sha256:${"4".repeat(64)}`,
    });
  });

  test("without a digest is refused", async () => {
    const publishers = await published({ [CLOUDBASE]: release(null) });

    await expect(find("cloudbase-init", publishers)).rejects.toThrow("cloudbase-init has no digest");
  });
});

describe("what else goes into Windows", () => {
  const digest = `sha256:${"5".repeat(64)}`;
  const asset = (name: string, tag: string) => ({
    name,
    browser_download_url: `https://github.com/a/${tag}/${name}`,
    digest,
  });

  test("is found under its makers' names: a respin of Git, PowerShell, and an OpenSSH that is a preview", async () => {
    const git = asset("Git-2.99.0.2-64-bit.exe", "v2.99.0.windows.2");
    const powershell = asset("PowerShell-7.99.1-win-x64.msi", "v7.99.1");
    const openssh = asset("OpenSSH-Win64-v99.0.0.0.msi", "v99.0.0.0p2-Preview");
    const api = "api.github.com/repos";
    const publishers = await published({
      [`${api}/git-for-windows/git/releases/latest`]: JSON.stringify({
        tag_name: "v2.99.0.windows.2",
        assets: [
          asset("Git-2.99.0.2-32-bit.exe", "x"),
          asset("PortableGit-2.99.0.2-64-bit.7z.exe", "x"),
          git,
        ],
      }),
      [`${api}/PowerShell/PowerShell/releases/latest`]: JSON.stringify({
        tag_name: "v7.99.1",
        assets: [powershell],
      }),
      [`${api}/PowerShell/Win32-OpenSSH/releases?per_page=10`]: JSON.stringify([
        { tag_name: "v99.9.9.9", draft: true, assets: [] },
        { tag_name: "v99.0.0.0p2-Preview", draft: false, prerelease: true, assets: [openssh] },
      ]),
    });

    expect(await find("git", publishers)).toMatchObject({
      version: "2.99.0.2",
      digest,
      url: git.browser_download_url,
    });
    expect(await find("powershell", publishers)).toMatchObject({ version: "7.99.1", digest });
    expect(await find("openssh", publishers)).toMatchObject({ version: "99.0.0.0p2-Preview", digest });
  });
});

describe("virtio-win, of which nobody publishes a digest", () => {
  const stable = `${VIRTIO}/stable-virtio/virtio-win.iso`;
  const at = (version: string) =>
    `${VIRTIO}/archive-virtio/virtio-win-${version}-1/virtio-win-${version}.iso`;

  test("is downloaded when there is a newer one, and says so", async () => {
    const publishers = await published({
      [stable]: { leadsTo: `https://${at("0.1.300")}` },
      [at("0.1.300")]: "drivers",
    });

    expect(await find("virtio-win", publishers)).toMatchObject({
      version: "0.1.300",
      url: `https://${at("0.1.300")}`,
      digest: `sha256:${sha256("drivers")}`,
      digestFrom: expect.stringContaining("computed from the download"),
    });
  });

  test("is not downloaded when it is the pinned one", async () => {
    const { version = "" } = pinned["virtio-win"] ?? {};
    const publishers = await published({
      [stable]: { leadsTo: `../archive-virtio/virtio-win-${version}-1/virtio-win-${version}.iso` },
    });

    expect(await find("virtio-win", publishers)).toBeUndefined();
    expect(publishers.asked).toEqual([stable]);
  });

  test("is refused when it leads to an older one, and not downloaded", async () => {
    const publishers = await published({ [stable]: { leadsTo: `https://${at("0.1.9")}` } });

    await expect(find("virtio-win", publishers)).rejects.toThrow("0.1.9 is older");
    expect(publishers.asked).toEqual([stable]);
  });
});
