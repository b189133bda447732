import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type Cloud, startCloud } from "./cloud.ts";

type Server = { id: string; status: string; tags: string[]; fault?: { message: string } };

let cloud: Cloud;

beforeAll(async () => {
  cloud = await startCloud({ virt: "fake" }, (text) => console.log(text));
});

afterEach(() => cloud.clear());

const soon = { timeout: 60_000, interval: 250 };

describe("the rig", () => {
  test("is every service of a cloud, for a member with an application credential", async () => {
    const { demo } = cloud;

    const flavors = await demo.get<{ flavors: { name: string }[] }>("compute", "/flavors");
    const networks = await demo.get<{ networks: { name: string }[] }>("network", "/v2.0/networks");
    const groups = await demo.get<{ security_groups: { name: string }[] }>(
      "network",
      "/v2.0/security-groups",
    );
    const images = await demo.get<{ images: { name: string }[] }>("image", "/v2/images");

    expect(namesOf(flavors.flavors)).toEqual(["m1.huge", "m1.large", "m1.small", "m1.tiny"]);
    expect(namesOf(networks.networks)).toEqual(["external", "lab"]);
    expect(namesOf(groups.security_groups)).toContain("mayfly");
    expect(namesOf(images.images)).toContain("cirros-fake");
  });

  test("changes nothing when it is brought up a second time", async () => {
    const before = await processes();

    await startCloud({ virt: "fake" });

    expect(await processes()).toEqual(before);
  });

  test("refuses knobs that make no sense", async () => {
    const asked = [
      { PORT_OFFSET: "15" },
      { PORT_OFFSET: "x[$(id)]" },
      { VIRT: "xen" },
      { RIG_FOLDER: "here" },
    ];

    const codes = await Promise.all(
      asked.map((env) => execa({ env, reject: false })(join(import.meta.dirname, "rig"), ["status"])),
    );

    expect(codes.map(({ exitCode, stdout }) => ({ exitCode, stdout }))).toEqual(
      asked.map(() => ({ exitCode: 1, stdout: "" })),
    );
  });
});

describe("Nova of the rig", () => {
  test("makes a server that is found by its tag, and leaves nothing of it", async () => {
    const id = await order({ tags: ["mayfly-controller=rig"] });
    const server = await settled(id);

    const listed = await cloud.demo.get<{ servers: Server[] }>(
      "compute",
      `/servers/detail?tags=${encodeURIComponent("mayfly-controller=rig")}`,
    );
    const ports = await cloud.demo.get<{ ports: object[] }>("network", `/v2.0/ports?device_id=${id}`);
    await cloud.demo.call("compute", "DELETE", `/servers/${id}`);
    await vi.waitFor(async () => expect(await cloud.left()).toEqual([]), soon);

    expect(server.status).toBe("ACTIVE");
    expect(listed.servers.map((each) => each.id)).toEqual([id]);
    expect(ports.ports).toHaveLength(1);
  });

  test("refuses what is above the quota with 403, and says which", async () => {
    onTestFinished(await cloud.setQuota({ instances: 0 }));

    const { status, body } = await post({});

    expect(status).toBe(403);
    expect(body).toMatchObject({
      forbidden: { message: expect.stringContaining("Quota exceeded for instances") },
    });
  });

  test("accepts a server that fits nowhere, and fails it with a reason", async () => {
    const id = await order({ flavor: "m1.huge" });

    const server = await settled(id);

    expect(server.status).toBe("ERROR");
    expect(server.fault?.message).toContain("No valid host was found");
  });

  test("answers nobody while it is frozen, is not there when it is stopped, and knows its servers afterwards", async () => {
    const id = await order({});
    await settled(id);

    await cloud.freeze("nova");
    const frozen = await answer(1000);
    await cloud.thaw("nova");
    const thawed = await answer(30_000);
    await cloud.stop("nova");
    const stopped = await answer(1000);
    await cloud.start("nova");
    const { server } = await cloud.demo.get<{ server: Server }>("compute", `/servers/${id}`);

    expect([frozen, thawed, stopped]).toEqual(["silence", "200", "nobody"]);
    expect(server.status).toBe("ACTIVE");
  });
});

describe("Neutron of the rig", () => {
  test("gives a floating IP to a server's port, and tags to the port", async () => {
    const id = await order({});
    await settled(id);
    const { ports } = await cloud.demo.get<{ ports: { id: string }[] }>(
      "network",
      `/v2.0/ports?device_id=${id}`,
    );
    const { networks } = await cloud.demo.get<{ networks: { id: string }[] }>(
      "network",
      "/v2.0/networks?router:external=true",
    );
    const [port, network] = [ports[0]?.id, networks[0]?.id];

    const form = { floatingip: { floating_network_id: network, port_id: port } };
    const given = await cloud.demo.call("network", "POST", "/v2.0/floatingips", { body: form });
    const tags = { tags: ["mayfly-controller=rig"] };
    const tagged = await cloud.demo.call("network", "PUT", `/v2.0/ports/${port}/tags`, { body: tags });

    expect(given.status).toBe(201);
    expect(given.body).toMatchObject({
      floatingip: { port_id: port, floating_ip_address: expect.stringMatching(/^203\.0\.113\./) },
    });
    expect(tagged).toMatchObject({ status: 200, body: tags });
  });

  test("refuses a floating IP above the quota", async () => {
    onTestFinished(await cloud.setQuota({ floatingip: 0 }));
    const { networks } = await cloud.demo.get<{ networks: { id: string }[] }>(
      "network",
      "/v2.0/networks?router:external=true",
    );

    const form = { floatingip: { floating_network_id: networks[0]?.id } };
    const { status } = await cloud.demo.call("network", "POST", "/v2.0/floatingips", { body: form });

    expect(status).toBe(409);
  });
});

describe("Glance of the rig", () => {
  test("finds an image by owner and tag, with its digest", async () => {
    const id = await cloud.addImage({
      name: "tagged",
      tags: ["mayfly:rig:current"],
      fields: { mayfly_os: "linux" },
    });

    const { images } = await cloud.demo.get<{ images: { id: string }[] }>(
      "image",
      `/v2/images?owner=${cloud.demo.projectId}&tag=mayfly:rig:current`,
    );

    expect(images).toHaveLength(1);
    expect(images[0]).toMatchObject({ id, status: "active", mayfly_os: "linux", os_hash_algo: "sha512" });
  });
});

const namesOf = (things: readonly { name: string }[]) => things.map(({ name }) => name).sort();

/** The rig's processes: which, and since when. */
async function processes(): Promise<string[]> {
  const folder = join(cloud.folder, "pid");
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => `${name} ${await readFile(join(folder, name), "utf8")}`));
}

type Order = { flavor?: string; tags?: string[] };

async function post({ flavor = "m1.tiny", tags = [] }: Order) {
  const { demo } = cloud;
  const { flavors } = await demo.get<{ flavors: { id: string; name: string }[] }>("compute", "/flavors");
  const { networks } = await demo.get<{ networks: { id: string }[] }>("network", "/v2.0/networks?name=lab");
  const { images } = await demo.get<{ images: { id: string }[] }>("image", "/v2/images?name=cirros-fake");
  const server = {
    ...{ name: "rig-test", tags, imageRef: images[0]?.id, networks: [{ uuid: networks[0]?.id }] },
    flavorRef: flavors.find(({ name }) => name === flavor)?.id,
  };
  return demo.call("compute", "POST", "/servers", { body: { server } });
}

async function order(what: Order): Promise<string> {
  const { status, body } = await post(what);
  expect(status, JSON.stringify(body)).toBe(202);
  return (body as { server: { id: string } }).server.id;
}

/** A server that has left BUILD behind it. */
function settled(id: string): Promise<Server> {
  return vi.waitFor(async () => {
    const { server } = await cloud.demo.get<{ server: Server }>("compute", `/servers/${id}`);
    expect(server.status).not.toBe("BUILD");
    return server;
  }, soon);
}

/** What comes of a call to Nova within a time. */
async function answer(limitMs: number): Promise<string> {
  const late = new Promise<string>((resolve) => setTimeout(resolve, limitMs, "silence"));
  const call = cloud.demo.call("compute", "GET", "/servers").then(
    ({ status }) => String(status),
    () => "nobody",
  );
  return Promise.race([call, late]);
}
