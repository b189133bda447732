import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildCloudImage } from "../rig/box/build-box.ts";
import { type Cloud, startCloud } from "../rig/openstack/cloud.ts";
import { buildStandIn } from "../rig/runner/build.ts";

/** What images do at their boot: real VMs of Nova's, by libvirt and QEMU. That a good one is promoted: openstack.guests.ts. */

const MINUTE = 60_000;
const STOCK = resolve(import.meta.dirname, "stock");
/** Where the image's partition begins. See: rig/box/build-box.sh. */
const PARTITION = 1024 * 1024;

let cloud: Cloud;
let folder: string;
let image: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-images-"));
  cloud = await startCloud({ virt: "qemu" }, (text) => console.log(text));
  await cloud.clear();
  image = await buildCloudImage((text) => console.log(text));
}, 15 * MINUTE);
afterAll(async () => {
  await cloud?.clear();
  await rm(folder, { recursive: true, force: true });
});

const run = (script: string, args: readonly string[], more: Record<string, string> = {}) =>
  execa(`openstack/${script}`, args, {
    reject: false,
    env: { OS_CLIENT_CONFIG_FILE: cloud.cloudsFile, OS_CLOUD: "lab", ...more },
  });

/** A copy of the image, changed by commands of debugfs. */
async function changed(name: string, commands: readonly string[]): Promise<string> {
  const file = join(folder, `${name}.raw`);
  await execa("cp", ["--sparse=always", image, file]);
  await copyFile(`${image}.json`, `${file}.json`);
  await writeFile(join(folder, "commands"), `${commands.join("\n")}\n`);
  const { stderr } = await execa("debugfs", [
    "-w",
    "-f",
    join(folder, "commands"),
    `${file}?offset=${PARTITION}`,
  ]);
  expect(stderr.replace(/^debugfs .*\n?/, "")).toBe("");
  return file;
}

const tagsOf = async (id: string) =>
  (await cloud.demo.get<{ tags: string[] } & Record<string, string>>("image", `/v2/images/${id}`)) ?? {};

const PLACE = ["--network", "lab"];

test(
  "an image that has lost its runner finds it out itself, and is put away",
  async () => {
    const file = await changed("no-runner", ["rm /home/runner/actions-runner/bin/Runner.Listener"]);
    const { stdout: id } = await run("upload-image.sh", ["--family", "no-runner", file]);

    const { exitCode, stderr } = await run("test-image.sh", [
      "--family",
      "no-runner",
      "--flavor",
      "m1.tiny",
      ...PLACE,
    ]);

    expect(stderr).toContain("there is no runner in /home/runner/actions-runner");
    expect(exitCode).toBe(2);
    expect(await tagsOf(id)).toMatchObject({
      tags: ["mayfly:no-runner:old"],
      mayfly_test: expect.stringContaining("failed: "),
    });
    expect((await cloud.left()).filter((words) => /^(server|port)/.test(words))).toEqual([]);
  },
  10 * MINUTE,
);

test(
  "an image is built on the cloud from a stock image, and passes its own test",
  async () => {
    const stock = await changed("stock", [
      `write ${STOCK}/little-cloud-init /usr/local/bin/little-cloud-init`,
      "set_inode_field /usr/local/bin/little-cloud-init mode 0100755",
      `write ${STOCK}/little-cloud-init.service /etc/systemd/system/little-cloud-init.service`,
      "symlink /etc/systemd/system/multi-user.target.wants/little-cloud-init.service /etc/systemd/system/little-cloud-init.service",
    ]);
    const { stdout: base } = await run("upload-image.sh", ["--family", "stock", stock]);
    const { lock } = await buildStandIn(join(folder, "stand-in"));

    const built = await run(
      "build-on-cloud.sh",
      ["--family", "built", "--image", base, "--flavor", "m1.tiny", "--minutes", "10", ...PLACE],
      // NB: what the other steps would fetch from elsewhere is in the image already.
      {
        MAYFLY_SKIP: "10-base.sh 40-matlab.sh 70-boot.sh",
        MAYFLY_RUNNER_LOCK: lock,
        MAYFLY_COMMIT: "0123abc",
      },
    );
    const leftBehind = (await cloud.left()).filter((words) => !words.startsWith("image"));
    const tested = await run("test-image.sh", ["--family", "built", "--flavor", "m1.tiny", ...PLACE]);

    expect(built.exitCode, built.stderr).toBe(0);
    expect(leftBehind).toEqual([]);
    expect(tested.stdout, tested.stderr).toBe(built.stdout);
    expect(await tagsOf(built.stdout)).toMatchObject({
      tags: ["mayfly:built:current"],
      mayfly_commit: "0123abc",
      mayfly_os: "debian-12",
      mayfly_test: expect.stringMatching(/^ok runner=2\.\d+\.\d+-standin /),
    });
  },
  20 * MINUTE,
);
