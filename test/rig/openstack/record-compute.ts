import type { More, Reply } from "./api.ts";
import type { Cloud } from "./cloud.ts";
import type { Recorder } from "./record.ts";

type Parts = {
  imageRef: string | undefined;
  networks: { uuid: string | undefined }[];
  flavors: Map<string, string>;
};
/** Asks Nova, and keeps what it says. */
type Take = (name: string, method: string, path: string, more?: More) => Promise<Reply>;

const NOWHERE = "3f0e5c0e-0000-4000-8000-000000000000";
const TAGS = ["mayfly-controller=recorded", "mayfly-pool=linux.00000000"];
const BY_TAG = `tags=${encodeURIComponent(TAGS[0] ?? "")}`;
const SETTLED_MS = 60_000;
const LOOK_AGAIN_MS = 250;

export async function recordCompute({ cloud, take: takeAny }: Recorder): Promise<void> {
  const take: Take = (name, method, path, more) => takeAny("compute", name, method, path, more);
  await take("version", "GET", "/");
  await take("flavors", "GET", "/flavors/detail");
  await take("zones", "GET", "/os-availability-zone");
  await take("limits", "GET", "/limits");
  await take("unauthorized", "GET", "/servers", { headers: { "x-auth-token": "gAAAAAB-bad" } });
  const parts = await partsOf(cloud);
  await recordLife(cloud, take, parts);
  await recordPages(cloud, take, parts);
  await recordRefusals(cloud, take, parts);
  await recordFaults(cloud, take, parts);
}

/** From the order to the day after. */
async function recordLife(cloud: Cloud, take: Take, parts: Parts): Promise<void> {
  const id = idOf(await take("create", "POST", "/servers", orderOf(parts, {})));
  await take("show building", "GET", `/servers/${id}`);
  await take("list building", "GET", `/servers/detail?${BY_TAG}`);
  await settled(cloud, id);
  await take("show", "GET", `/servers/${id}`);
  await take("console", "POST", `/servers/${id}/action`, { body: { "os-getConsoleOutput": { length: 50 } } });
  await take("conflict", "POST", `/servers/${id}/action`, { body: { "os-start": null } });
  await take("delete", "DELETE", `/servers/${id}`);
  await gone(cloud, id);
  await take("gone", "GET", `/servers/${id}`);
  await take("delete gone", "DELETE", `/servers/${id}`);
  await take("console gone", "POST", `/servers/${id}/action`, { body: { "os-getConsoleOutput": {} } });
  const huge = idOf(await take("create huge", "POST", "/servers", orderOf(parts, { flavor: "m1.huge" })));
  await settled(cloud, huge);
  await take("show error", "GET", `/servers/${huge}`);
  await take("list error", "GET", `/servers/detail?${BY_TAG}`);
  await cloud.demo.call("compute", "DELETE", `/servers/${huge}`);
  await gone(cloud, huge);
  await take("key pair", "POST", "/os-keypairs", {
    body: { keypair: { name: "recorded", type: "ssh", public_key: KEY } },
  });
  await take("key pair delete", "DELETE", "/os-keypairs/recorded");
  await take("key pair gone", "DELETE", "/os-keypairs/recorded");
}

async function recordPages(cloud: Cloud, take: Take, parts: Parts): Promise<void> {
  await take("list none", "GET", `/servers/detail?${BY_TAG}`);
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    ids.push(idOf(await cloud.demo.call("compute", "POST", "/servers", orderOf(parts, {}))));
  }
  for (const id of ids) await settled(cloud, id);
  await take("list", "GET", `/servers/detail?${BY_TAG}`);
  const first = await take("list page", "GET", `/servers/detail?${BY_TAG}&limit=2`);
  const marker = (first.body as { servers: { id: string }[] }).servers.at(-1)?.id;
  await take("list last page", "GET", `/servers/detail?${BY_TAG}&limit=2&marker=${marker}`);
  await take("list full page", "GET", `/servers/detail?${BY_TAG}&limit=3`);
  await take("list after nobody", "GET", `/servers/detail?${BY_TAG}&marker=${NOWHERE}`);
  await cloud.admin.call("compute", "POST", `/servers/${ids[0]}/action`, { body: { lock: null } });
  await take("delete locked", "DELETE", `/servers/${ids[0]}`);
  await cloud.admin.call("compute", "POST", `/servers/${ids[0]}/action`, { body: { unlock: null } });
  await cloud.clear();
}

async function recordRefusals(cloud: Cloud, take: Take, parts: Parts): Promise<void> {
  const order = (name: string, server: Order) => take(name, "POST", "/servers", orderOf(parts, server));
  await order("image unknown", { imageRef: NOWHERE });
  await order("flavour unknown", { flavorRef: NOWHERE });
  await order("network unknown", { networks: [{ uuid: NOWHERE }] });
  await order("zone unknown", { availability_zone: "nowhere" });
  await order("security group unknown", { security_groups: [{ name: "nothing" }] });
  await order("user data too long", { user_data: "A".repeat(65_536) });
  const restore = await cloud.setQuota({ instances: 0, cores: 0, ram: 0 });
  await order("above quota", {});
  await take("limits of nothing", "GET", "/limits");
  await restore();
}

/** What can be had on order by another service that is down: a server that fails on its hypervisor, and the only genuine 500s. */
async function recordFaults(cloud: Cloud, take: Take, parts: Parts): Promise<void> {
  const id = idOf(await cloud.demo.call("compute", "POST", "/servers", orderOf(parts, {})));
  await settled(cloud, id);
  await cloud.stop("placement");
  await cloud.demo.call("compute", "DELETE", `/servers/${id}`);
  await until(cloud, id, ({ body }) => (body as { server: { status: string } }).server.status === "ERROR");
  await take("show failed", "GET", `/servers/${id}`);
  await take("list failed", "GET", `/servers/detail?${BY_TAG}`);
  await cloud.start("placement");
  await cloud.clear();
  await cloud.stop("glance");
  await take("create without Glance", "POST", "/servers", orderOf(parts, {}));
  await cloud.start("glance");
}

async function partsOf({ demo }: Cloud): Promise<Parts> {
  const { flavors } = await demo.get<{ flavors: { id: string; name: string }[] }>("compute", "/flavors");
  const { networks } = await demo.get<{ networks: { id: string }[] }>("network", "/v2.0/networks?name=lab");
  const { images } = await demo.get<{ images: { id: string }[] }>("image", "/v2/images?name=cirros-fake");
  return {
    imageRef: images[0]?.id,
    networks: [{ uuid: networks[0]?.id }],
    flavors: new Map(flavors.map(({ id, name }) => [name, id])),
  };
}

type Order = Record<string, unknown> & { flavor?: string };

/** An order as the driver gives it, with something else in it. */
function orderOf({ imageRef, networks, flavors }: Parts, { flavor = "m1.tiny", ...others }: Order): More {
  const server = {
    ...{ name: "mayfly-recorded-linux-1", imageRef, networks, flavorRef: flavors.get(flavor), tags: TAGS },
    metadata: { mayfly_repository: "octo/spinw", mayfly_image: "linux" },
    security_groups: [{ name: "mayfly" }],
    user_data: Buffer.from("MAYFLYSEED1\n{}\n").toString("base64"),
    config_drive: true,
    ...others,
  };
  return { body: { server } };
}

const idOf = ({ body }: Reply): string => (body as { server: { id: string } }).server.id;

const settled = (cloud: Cloud, id: string): Promise<void> =>
  until(cloud, id, ({ status, body }) => {
    const { server } = body as { server?: { status: string } };
    return status === 200 && server?.status !== "BUILD";
  });

const gone = (cloud: Cloud, id: string): Promise<void> => until(cloud, id, ({ status }) => status === 404);

async function until({ demo }: Cloud, id: string, is: (reply: Reply) => boolean): Promise<void> {
  const end = Date.now() + SETTLED_MS;
  while (!is(await demo.call("compute", "GET", `/servers/${id}`))) {
    if (Date.now() > end) throw new Error(`server ${id} does not settle`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** Half of a pair whose other half was thrown away. */
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6vLy6O47KZH8zhYzMlFR4IBl7Q8QhbuMRj7BecNT7C recorded";
