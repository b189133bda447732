import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeMainJob } from "./main-job.ts";
import { breakImage, buildCloudImage } from "./rig/box/build-box.ts";
import { type CloudAdmin, cloudAdmin } from "./rig/cloud-admin.ts";
import type { SiteCloud } from "./rig/site-catalogue.ts";

/** The main job on a genuine OpenStack: Nova boots the rig's image by libvirt, put there by the project's own scripts. */

const MINUTE = 60_000;
const SCRIPTS = resolve(import.meta.dirname, "../openstack");
const [GOOD, BROKEN] = ["main-job", "main-job-broken"] as const;

const tell = (text: string) => console.log(text);
let folder = "";
let file = "";
let admin: CloudAdmin;
let before: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-images-"));
  file = join(await startRig(), "clouds.yaml");
  admin = await cloudAdmin(file);
  before = await admin.things();
  const good = await buildCloudImage(tell);
  await promote(GOOD, await upload(GOOD, good));
  await promote(BROKEN, await upload(BROKEN, await breakImage(good, folder)));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const site = (): SiteCloud => ({
  file,
  name: "lab",
  place: { network: "lab", securityGroups: ["mayfly"] },
  family: GOOD,
  flavor: "m1.small",
  address: "10.11.0.1",
  things: admin.things,
});

describeMainJob({
  driver: "openstack",
  limitMs: 6 * MINUTE,
  cloud: site,
  // It fails if the seed's drive is there, or if there is a way to the metadata service.
  script: "! ls /dev/sr* && ! ip route get 169.254.169.254 && ip route get 10.11.0.1",
  brokenImage: { cloudImage: { family: BROKEN, flavor: "m1.small" }, limits: { boot: "40s" } },
});

test("the cloud is as it was before, when the images are deleted that were put there", async () => {
  const { images } = await admin.get<{ images: { id: string; tags: string[] }[] }>("image", "/v2/images");
  const ours = images.filter(({ tags }) => tags.some((tag) => tag.startsWith(`mayfly:${GOOD}`)));
  for (const { id } of ours) await inCloud("openstack", ["image", "delete", id]);

  expect(await admin.things()).toEqual(before);
});

async function startRig(): Promise<string> {
  const rig = execa({ env: { VIRT: "qemu" }, lines: true })(
    resolve(import.meta.dirname, "rig/openstack/rig"),
    ["up"],
  );
  for await (const line of rig.iterable({ from: "stderr" })) tell(line);
  const { stdout } = await rig;
  return stdout.at(-1) ?? "";
}

const inCloud = (program: string, args: readonly string[]) =>
  execa({ env: { OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: "lab" } })(program, args);

/** As the family's candidate; answers its id. */
async function upload(family: string, image: string): Promise<string> {
  const { stdout } = await inCloud(join(SCRIPTS, "upload-image.sh"), ["--family", family, image]);
  return stdout;
}

async function promote(family: string, id: string): Promise<void> {
  await inCloud("openstack", ["image", "set", "--tag", `mayfly:${family}:current`, id]);
}
