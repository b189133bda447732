import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeMainJob } from "./main-job.ts";
import { breakImage, buildCloudImage } from "./rig/box/build-box.ts";
import { type Cloud, startCloud } from "./rig/openstack/cloud.ts";
import { thingsOf } from "./rig/openstack/things.ts";
import type { SiteCloud } from "./rig/site-catalogue.ts";

/**
 * The main job on a genuine OpenStack. Nova boots the project's own Linux image, by libvirt and QEMU; the image was made by images/linux, and
 * put there by the scripts in openstack/.
 */

const MINUTE = 60_000;
const SCRIPTS = resolve(import.meta.dirname, "../openstack");
const [GOOD, BROKEN] = ["main-job", "main-job-broken"] as const;
const PLACE = ["--flavor", "m1.small", "--network", "lab"];

const tell = (text: string) => console.log(text);
let folder = "";
let cloud: Cloud;
let before: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-images-"));
  cloud = await startCloud({ virt: "qemu" }, tell);
  await cloud.clear();
  before = await thingsOf(cloud.admin);
  const good = await buildCloudImage(tell);
  await script("upload-image.sh", "--family", GOOD, good);
  await script("test-image.sh", "--family", GOOD, ...PLACE);
  const broken = await script("upload-image.sh", "--family", BROKEN, await breakImage(good, folder));
  // NB: it would not pass the test.
  await inCloud("openstack", "image", "set", "--tag", `mayfly:${BROKEN}:current`, broken);
}, 15 * MINUTE);

afterAll(async () => {
  await cloud?.clear();
  await rm(folder, { recursive: true, force: true });
});

const site = (): SiteCloud => ({
  file: cloud.cloudsFile,
  name: "lab",
  place: { network: "lab", securityGroups: ["mayfly"] },
  family: GOOD,
  flavor: "m1.small",
  address: "10.11.0.1",
  things: () => thingsOf(cloud.admin),
});

describeMainJob({
  driver: "openstack",
  limitMs: 6 * MINUTE,
  cloud: site,
  // It fails if the seed's drive is there, or if there is a way to the metadata service.
  script: "! ls /dev/sr* && ! ip route get 169.254.169.254 && ip route get 10.11.0.1",
  brokenImage: { cloudImage: { family: BROKEN, flavor: "m1.small" }, limits: { boot: "40s" } },
});

test("nothing but the two images is left of all this, and nothing at all when they are deleted", async () => {
  const left = (await thingsOf(cloud.admin)).filter((thing) => !before.includes(thing));
  await cloud.clear();

  expect(left.map((thing) => thing.split(" ")[0])).toEqual(["image", "image"]);
  expect(await thingsOf(cloud.admin)).toEqual(before);
});

const script = (name: string, ...args: string[]): Promise<string> => inCloud(join(SCRIPTS, name), ...args);

/** Answers what the program said on its standard output. */
async function inCloud(program: string, ...args: string[]): Promise<string> {
  const env = { OS_CLIENT_CONFIG_FILE: cloud.cloudsFile, OS_CLOUD: "lab" };
  const { stdout } = await execa(program, args, { env });
  return stdout;
}
