import { expect, test } from "vitest";
import { readSettings } from "../../src/config.ts";
import { catalogueFile, faultsOf } from "./file.ts";

/** A catalogue with a Mac, a fleet of Macs and an image for both. Tests change a line of it. */
const GOOD = `controller: lab
guests: { url: https://192.168.64.1:8443 }
hosts:
  - name: mini
    driver: tart
    tart: { host: mini.lab, user: ci, key: keys/mac, knownHosts: keys/known, allow: [10.1.2.3, 10.2.0.0/16] }
  - name: fleet
    driver: orchard
    machines: 8
    orchard: { url: "https://orchard.lab:6120/", credentials: orchard.env }
images:
  - name: mac
    os: macos
    arch: arm64
    labels: [self-hosted, spinw-mac]
    tartImage: { name: base }
repositories:
  - name: SpinW/spinw
    images: [mac]
`;

const DIGEST = `sha256:${"a".repeat(64)}`;

function changed(from: string, to: string): string {
  expect(GOOD).toContain(from);
  return GOOD.replace(from, to);
}

test("a catalogue with Macs is without faults, and its paths are from its folder", () => {
  const file = catalogueFile(GOOD);
  const folder = file.replace(/\/[^/]*$/, "");

  const { hosts, images } = readSettings({ file, env: {} }).catalogue;

  expect(hosts[0]?.tart).toEqual({
    host: "mini.lab",
    port: 22,
    user: "ci",
    key: `${folder}/keys/mac`,
    knownHosts: `${folder}/keys/known`,
    allow: ["10.1.2.3", "10.2.0.0/16"],
  });
  expect(hosts[1]?.orchard).toEqual({
    url: "https://orchard.lab:6120",
    credentials: `${folder}/orchard.env`,
    ca: undefined,
    vmUser: "admin",
    allow: [],
  });
  expect(images[0]).toMatchObject({ tartImage: { name: "base" }, machines: 10 });
});

test.each([
  [
    "a Mac has to be named",
    "    tart: { host: mini.lab, user: ci, key: keys/mac, knownHosts: keys/known, allow: [10.1.2.3, 10.2.0.0/16] }\n",
    "",
    "mayfly.yml:4:5: hosts[0] has the driver tart, so it needs tart.host, tart.user, tart.key and tart.knownHosts.",
  ],
  [
    "an Orchard has to be named",
    '    orchard: { url: "https://orchard.lab:6120/", credentials: orchard.env }\n',
    "",
    "mayfly.yml:7:5: hosts[1] has the driver orchard, so it needs orchard.url.",
  ],
  [
    "a Mac has two VMs at most",
    "    driver: tart\n",
    "    driver: tart\n    machines: 3\n",
    "mayfly.yml:6:15: hosts[0] may have 2 machines: Apple's licence allows 2 VMs with macOS for each Mac, and macOS starts no more.",
  ],
  [
    "a Mac is one host only",
    "images:\n",
    "  - name: too\n    driver: tart\n    tart: { host: Mini.lab, user: other, key: k, knownHosts: k }\nimages:\n",
    "mayfly.yml:11:5: hosts[2] is the same Mac as hosts[0]. Take one of them away.",
  ],
  [
    "an Orchard is one host only",
    "images:\n",
    "  - name: too\n    driver: orchard\n    orchard: { url: 'https://Orchard.lab:6120' }\nimages:\n",
    "mayfly.yml:11:5: hosts[2] is the same Orchard as hosts[1]. Take one of them away.",
  ],
  [
    "Orchard's token does not travel in the clear",
    "https://orchard.lab",
    "http://orchard.lab",
    "mayfly.yml:10:21: hosts[1].orchard.url must begin with https://: the token of the service account travels over it.",
  ],
  [
    "what is for Macs only is none of another host's",
    "    driver: orchard\n    machines: 8\n    orchard:",
    "    driver: orchard\n    machines: 8\n    tart: { host: a, user: ci, key: k, knownHosts: k }\n    orchard:",
    "mayfly.yml:10:11: hosts[1].tart is for the driver tart only; take it away.",
  ],
  [
    "an image that may run on a Mac needs a tart image",
    "    tartImage: { name: base }\n",
    "",
    'mayfly.yml:12:5: The image mac may run on mini, and has no tartImage for it. Give it one, or name other hosts under its "hosts".',
  ],
  [
    "a tart image in a registry is held to its digest",
    "{ name: base }",
    "{ name: ghcr.io/acme/macos:26 }",
    "mayfly.yml:16:16: The tartImage of image mac needs its digest, for a tag may be another image tomorrow. This tells it, on a Mac: tart fqn ghcr.io/acme/macos:26",
  ],
  [
    "a VM on the Mac has no digest",
    "{ name: base }",
    `{ name: base, digest: "${DIGEST}" }`,
    "mayfly.yml:16:38: The tartImage of image mac is a VM on the Mac, which has no digest. Take it away.",
  ],
  [
    "a Mac has its own processor",
    "    arch: arm64\n",
    "",
    "mayfly.yml:12:5: The image mac may run on mini, a Mac with Apple silicon. Write arch: arm64.",
  ],
  [
    "a Mac runs macOS",
    "os: macos",
    "os: linux",
    "mayfly.yml:13:9: The image mac is for linux, and may run on mini, a Mac. Only images with macOS run there.",
  ],
  [
    "a Mac gives addresses of its own",
    "    arch: arm64\n",
    '    arch: arm64\n    mac: "52:54:00:12:34:56"\n',
    "mayfly.yml:15:10: The image mac has a fixed MAC address, and may run on mini, where tart gives each VM its own.",
  ],
  [
    "a token for Orchard has no place here",
    "credentials: orchard.env",
    "token: hush",
    "mayfly.yml:10:50: hosts[1].orchard.token does not belong into this file, which others may read: the environment of the service is the place for it.",
  ],
  [
    "what is allowed is an address or a network",
    "10.2.0.0/16",
    "licence.lab",
    'mayfly.yml:6:96: hosts[0].tart.allow[1] must be an IPv4 address, or a network such as 192.168.7.0/24, not "licence.lab".',
  ],
  [
    "a Mac's name is no option of ssh",
    "mini.lab",
    "-oProxyCommand=sh",
    'mayfly.yml:6:19: hosts[0].tart.host must be a name or an address, not "-oProxyCommand=sh".',
  ],
  [
    "an image's name is no option of tart",
    "{ name: base }",
    '{ name: "--help" }',
    'mayfly.yml:16:24: images[0].tartImage.name must be the name of an image in a registry, such as ghcr.io/acme/macos:26, or of a VM on the Mac, not "--help".',
  ],
])("%s", (_claim, from, to, sentence) => {
  expect(faultsOf(changed(from, to))).toEqual([sentence]);
});

test("a tart image without a Mac is a slip", () => {
  const text = changed(
    "    tartImage: { name: base }\n",
    "    tartImage: { name: base }\n    hosts: [box]\n",
  ).replace("images:\n", "  - name: box\nimages:\n");

  expect(faultsOf(text)).toEqual([
    'mayfly.yml:13:5: The image mac may run on box, and has no box for it. Give it one, or name other hosts under its "hosts".',
    "mayfly.yml:17:16: The image mac has a tartImage, and none of its hosts has the driver tart or orchard. Take it away, or add such a host.",
  ]);
});

test.each([
  "ghcr.io/cirruslabs/macos-tahoe-base:latest",
  "ghcr.io/acme/macos",
  "registry.lab:5000/acme/macos_26:1.2",
])("an image may be in a registry: %s", (name) => {
  expect(faultsOf(changed("{ name: base }", `{ name: "${name}", digest: "${DIGEST}" }`))).toEqual([]);
});
