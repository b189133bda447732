import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { machineName } from "../../src/core/name.ts";
import { openDriver } from "../drivers/openstack-bench.ts";
import { type Cloud, startCloud } from "../rig/openstack/cloud.ts";

/** The scripts of `openstack/` with the genuine command, on a genuine cloud. */

let cloud: Cloud;
let folder: string;

beforeAll(async () => {
  cloud = await startCloud({ virt: "fake" });
  await cloud.clear();
  folder = await mkdtemp(join(tmpdir(), "mayfly-scripts-"));
});
afterAll(async () => {
  await cloud.clear();
  await rm(folder, { recursive: true });
});

const run = (script: string, args: readonly string[], as = "lab") =>
  execa(`openstack/${script}`, args, {
    reject: false,
    env: { OS_CLIENT_CONFIG_FILE: cloud.cloudsFile, OS_CLOUD: as, MAYFLY_POLL_SECONDS: "1" },
  });

const newFamily = () => `f${randomBytes(4).toString("hex")}`;

type Image = { id: string; status: string; tags: string[] } & Record<string, unknown>;
const imagesOf = async (family: string): Promise<Image[]> =>
  (await cloud.demo.get<{ images: Image[] }>("image", "/v2/images?sort=created_at:desc")).images.filter(
    ({ tags }) => tags.some((tag) => tag.startsWith(`mayfly:${family}:`)),
  );

/** An image's file like no other, with what it says of itself. */
async function newImage(): Promise<string> {
  const file = join(folder, `${randomBytes(4).toString("hex")}.raw`);
  await writeFile(file, randomBytes(65_536));
  const facts = {
    mayfly_runner_version: "2.337.0",
    mayfly_built_at: "2026-11-27T03:00:00Z",
    mayfly_os: "debian-12",
  };
  await writeFile(`${file}.json`, JSON.stringify(facts));
  return file;
}

const upload = async (family: string) =>
  run("upload-image.sh", ["--family", family, "--name", randomBytes(6).toString("hex"), await newImage()]);

describe("images", () => {
  test("an upload is an active candidate with its properties, and the second one puts the first away", async () => {
    const family = newFamily();

    const first = await upload(family);
    const second = await upload(family);

    expect([first.exitCode, second.exitCode], first.stderr + second.stderr).toEqual([0, 0]);
    expect(await imagesOf(family)).toMatchObject([
      {
        id: second.stdout,
        status: "active",
        visibility: "private",
        tags: [`mayfly:${family}:candidate`],
        mayfly_runner_version: "2.337.0",
        mayfly_os: "debian-12",
        size: 65_536,
      },
      { id: first.stdout, tags: [`mayfly:${family}:old`] },
    ]);
  });

  test("the same content is found again, whatever it is called", async () => {
    const family = newFamily();
    const file = await newImage();

    const first = await run("upload-image.sh", ["--family", family, "--name", "one", file]);
    const second = await run("upload-image.sh", ["--family", family, "--name", "two", file]);

    expect(second).toMatchObject({ exitCode: 0, stdout: first.stdout });
    expect(await imagesOf(family)).toHaveLength(1);
  });

  test("an upload to a Glance that has ended leaves no image", async () => {
    const family = newFamily();
    await cloud.stop("glance");
    onTestFinished(() => cloud.start("glance"));

    const { exitCode } = await upload(family);

    expect(exitCode).toBe(1);
    await cloud.start("glance");
    expect(await imagesOf(family)).toEqual([]);
  });

  test("of old images the newest is kept, and one that a server runs from", async () => {
    const family = newFamily();
    const ids: string[] = [];
    for (const name of ["first", "second", "third", "fourth"]) {
      ids.push(await cloud.addImage({ name, tags: [`mayfly:${family}:old`] }));
      await nextSecond();
    }
    const server = await bootFrom(ids[0] ?? "");
    onTestFinished(server.remove);

    const { exitCode, stderr } = await run("prune-images.sh", ["--family", family, "--keep", "1"]);

    expect(exitCode, stderr).toBe(0);
    expect((await imagesOf(family)).map(({ id }) => id)).toEqual([ids[3], ids[0]]);
    expect(stderr).toContain(`image ${ids[0]} is kept: a server runs from it`);
  });

  test("a candidate that cannot be booted stays one, and no server is left", async () => {
    const family = newFamily();
    const { stdout: id } = await upload(family);

    const { exitCode, stderr } = await run("test-image.sh", [
      "--family",
      family,
      "--flavor",
      "m1.huge",
      "--network",
      "lab",
    ]);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("No valid host was found.");
    expect(await imagesOf(family)).toMatchObject([{ id, tags: [`mayfly:${family}:candidate`] }]);
    expect(
      (await cloud.left()).filter((words) => words.startsWith("server") || words.startsWith("port")),
    ).toEqual([]);
  });
});

/** NB: Glance tells the age of images in whole seconds. */
async function nextSecond(): Promise<void> {
  const now = () => Math.floor(Date.now() / 1000);
  await expect.poll(now, { timeout: 5000 }).toBeGreaterThan(now());
}

/** A server of Nova's pretended hypervisor. */
async function bootFrom(image: string) {
  const { flavors } = await cloud.demo.get<{ flavors: { id: string; name: string }[] }>(
    "compute",
    "/flavors",
  );
  const flavorRef = flavors.find(({ name }) => name === "m1.tiny")?.id;
  const { body } = await cloud.demo.call("compute", "POST", "/servers", {
    body: { server: { name: "runs", imageRef: image, flavorRef, networks: "none" } },
  });
  const { id } = (body as { server: { id: string } }).server;
  return { remove: async () => void (await cloud.demo.call("compute", "DELETE", `/servers/${id}`)) };
}

describe("the network", () => {
  type Rule = {
    direction: string;
    ethertype: string;
    protocol: string | null;
    port_range_min: number | null;
    port_range_max: number | null;
    remote_ip_prefix: string | null;
  };

  const rulesOf = async (name: string): Promise<string[]> => {
    const { security_groups } = await cloud.demo.get<{
      security_groups: { name: string; security_group_rules: Rule[] }[];
    }>("network", `/v2.0/security-groups?name=${name}`);
    return (security_groups[0]?.security_group_rules ?? []).map((rule) =>
      [
        rule.direction,
        rule.ethertype,
        rule.protocol,
        rule.port_range_min,
        rule.port_range_max,
        rule.remote_ip_prefix,
      ].join(" "),
    );
  };

  const named = (kind: string, name: string) =>
    cloud.demo.get<Record<string, { id: string }[]>>("network", `/v2.0/${kind}?name=${name}`);

  /** NB: a network goes only after its router's port, and a router only without one. */
  async function remove(name: string): Promise<void> {
    const [router] = (await named("routers", name)).routers ?? [];
    const [subnet] = (await named("subnets", name)).subnets ?? [];
    const body = { subnet_id: subnet?.id };
    if (router)
      await cloud.demo.call("network", "PUT", `/v2.0/routers/${router.id}/remove_router_interface`, { body });
    for (const kind of ["routers", "networks", "security-groups"]) {
      const [found] = Object.values(await named(kind, name))[0] ?? [];
      if (found) await cloud.demo.call("network", "DELETE", `/v2.0/${kind}/${found.id}`);
    }
  }

  test("lets nothing in, out to the Internet and to what is named, and the second time changes what has changed", async () => {
    const name = newFamily();
    onTestFinished(() => remove(name));
    const args = ["--external", "external", "--name", name, "--controller", "10.1.2.3:8443"];
    const internet = (await execa("openstack/network/complement.sh")).stdout
      .split("\n")
      .map((one) => `egress IPv4    ${one}`);
    const always = [
      ...internet,
      "egress IPv4 tcp 53 53 10.77.0.0/20",
      "egress IPv4 udp 53 53 10.77.0.0/20",
      "egress IPv4 tcp 8443 8443 10.1.2.3/32",
    ];

    const first = await run("network/make-network.sh", [...args, "--license-server", "10.9.9.9:27000,27001"]);
    const before = await rulesOf(name);
    const second = await run("network/make-network.sh", [...args, "--ntp", "10.5.5.5"]);
    const after = await rulesOf(name);

    expect([first.exitCode, second.exitCode], first.stderr + second.stderr).toEqual([0, 0]);
    expect(second.stdout).toBe(`network: ${name}\nsecurityGroups: [${name}]`);
    expect(before.sort()).toEqual(
      [
        ...always,
        "egress IPv4 tcp 27000 27000 10.9.9.9/32",
        "egress IPv4 tcp 27001 27001 10.9.9.9/32",
      ].sort(),
    );
    expect(after.sort()).toEqual([...always, "egress IPv4 udp 123 123 10.5.5.5/32"].sort());
    for (const kind of ["networks", "subnets", "routers"])
      expect((await named(kind, name))[kind], kind).toHaveLength(1);
  });

  test("of which the cloud takes too few rules is not said to be made", async () => {
    const name = newFamily();
    onTestFinished(() => remove(name));
    const restore = await cloud.setQuota({ security_group_rule: 30 });
    onTestFinished(restore);

    const { exitCode, stderr } = await run("network/make-network.sh", ["--external", "none", "--name", name]);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("the cloud did not take all rules");
  });
});

describe("the application credential", () => {
  const create = async (...args: string[]) => {
    const file = join(folder, `${randomBytes(4).toString("hex")}.yaml`);
    const said = await run("create-app-credential.sh", ["--file", file, ...args], "lab-password");
    return { file, ...said };
  };

  const credentials = async (): Promise<
    { name: string; expires_at: string; roles: { name: string }[] }[]
  > => {
    const env = { OS_CLIENT_CONFIG_FILE: cloud.cloudsFile, OS_CLOUD: "lab-password" };
    const { stdout } = await execa("openstack", ["application", "credential", "list", "-f", "json"], { env });
    return JSON.parse(stdout);
  };

  test("lets Mayfly in, ends one day, and its secret is in one file that nobody else can read", async () => {
    const { file, exitCode, stdout, stderr } = await create("--name", "stfc", "--days", "30");

    expect(exitCode, stderr).toBe(0);
    const { auth } = parse(await readFile(file, "utf8")).clouds.stfc;
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(stdout + stderr).not.toContain(auth.application_credential_secret);
    const env = { OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: "stfc" };
    const { stdout: token } = await execa("openstack", ["token", "issue", "-f", "json"], { env });
    expect(JSON.parse(token).project_id).toBe(cloud.demo.projectId);
    expect(stderr).toContain("The credential is good until");
  });

  test("for Mayfly's calls only lets a machine live its life, and nothing else be done", async () => {
    const { file, exitCode, stderr } = await create("--restrict");
    expect(exitCode, stderr).toBe(0);
    const { auth } = parse(await readFile(file, "utf8")).clouds.mayfly;
    await cloud.addImage({ name: "life", tags: ["mayfly:life:current"] });
    const next = await cloud.addImage({ name: "next", tags: ["mayfly:life:candidate"] });
    const controller = `t${randomBytes(3).toString("hex")}`;
    const { driver, orderOf } = openDriver({
      env: {
        OS_AUTH_URL: auth.auth_url,
        OS_APPLICATION_CREDENTIAL_ID: auth.application_credential_id,
        OS_APPLICATION_CREDENTIAL_SECRET: auth.application_credential_secret,
      },
      controller,
      place: { network: "lab", securityGroups: ["mayfly"], floatingNetwork: "external" },
      images: [{ cloudImage: { family: "life" } }],
    });
    onTestFinished(() => driver.close());
    const name = machineName(controller, "image", randomBytes(8));
    const soon = () => AbortSignal.timeout(60_000);

    const faults = await driver.check(soon());
    await driver.start(orderOf(name), soon());
    await expect
      .poll(() => driver.list(soon()), { timeout: 60_000, interval: 500 })
      .toMatchObject([{ name, state: "up" }]);
    const evidence = await driver.evidence(name, soon());
    await driver.destroy(name, soon());
    await driver.cloudImages?.promote({ family: "life", id: next }, soon());

    expect(faults).toEqual([]);
    expect(await driver.cloudImages?.list(soon())).toMatchObject([
      { standing: "current" },
      { standing: "old" },
    ]);
    expect(Object.values(evidence).join()).toContain("FAKE CONSOLE OUTPUT");
    expect(await driver.list(soon())).toEqual([]);
    const env = { OS_CLIENT_CONFIG_FILE: file, OS_CLOUD: "mayfly" };
    const { exitCode: refused, stderr: why } = await execa("openstack", ["keypair", "list"], {
      env,
      reject: false,
    });
    expect(refused).toBe(1);
    expect(why).toContain("401");
  });

  test("that does not work is deleted again, and leaves no file", async () => {
    const before = (await credentials()).length;

    const { file, exitCode } = await create("--role", "admin");

    expect(exitCode).toBe(1);
    await expect(stat(file)).rejects.toThrow();
    expect(await credentials()).toHaveLength(before);
  });

  test("does not overwrite a file", async () => {
    const file = join(folder, "kept.yaml");
    await writeFile(file, "mine");

    const { exitCode } = await run("create-app-credential.sh", ["--file", file], "lab-password");

    expect(exitCode).toBe(1);
    expect(await readFile(file, "utf8")).toBe("mine");
  });
});
