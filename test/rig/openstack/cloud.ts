import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { type Api, signIn } from "./api.ts";

export type Virt = "fake" | "qemu";
export type CloudService = "keystone" | "placement" | "glance" | "neutron" | "nova";

/** A rig that is up, and what a test may do to it. See: README.md. */
export type Cloud = {
  folder: string;
  /** clouds.yaml, with `lab`, `lab-password` and `lab-admin`. */
  cloudsFile: string;
  /** The project that tests are in, and who keeps the cloud. */
  demo: Api;
  admin: Api;
  /** All that the project `demo` has, in words. */
  left: () => Promise<string[]>;
  /** Removes all that the project `demo` has, and waits until it is gone. */
  clear: () => Promise<void>;
  /** Changes what `demo` may have; answers how to have it as it was. */
  setQuota: (quota: Quota) => Promise<() => Promise<void>>;
  /** A small image of `demo`'s, ready to boot (and with nothing in it). */
  addImage: (image: NewImage) => Promise<string>;
  /** Ends a service, as `systemctl stop` would: nobody listens there. NB: Nova is one process, with its scheduler and hypervisor. */
  stop: (service: CloudService) => Promise<void>;
  /** Starts it again, and waits until it works. */
  start: (service: CloudService) => Promise<void>;
  /** From now on it takes calls and answers none; `thaw` lets it go on. */
  freeze: (service: CloudService) => Promise<void>;
  thaw: (service: CloudService) => Promise<void>;
};

export type Quota = Partial<
  Record<"instances" | "cores" | "ram" | "floatingip" | "port" | "security_group_rule", number>
>;

export type NewImage = {
  name: string;
  tags?: readonly string[] | undefined;
  /** Glance's own fields, such as `min_disk`, and properties, such as `mayfly_built_at`. */
  fields?: Record<string, unknown> | undefined;
};

const GONE_MS = 60_000;
const LOOK_AGAIN_MS = 250;
const DISK_BYTES = 65_536;

/** Brings a rig up, or finds it up. `tell` hears what is being done. */
export async function startCloud({ virt }: { virt: Virt }, tell?: (text: string) => void): Promise<Cloud> {
  const rig = (...verb: string[]) =>
    execa({ env: { VIRT: virt }, lines: true })(join(import.meta.dirname, "rig"), verb);
  const up = rig("up");
  for await (const line of up.iterable({ from: "stderr" })) tell?.(line);
  const folder = (await up).stdout.at(-1) ?? "";
  const cloudsFile = join(folder, "clouds.yaml");
  const [demo, admin] = await Promise.all([signIn(cloudsFile, "lab"), signIn(cloudsFile, "lab-admin")]);
  const tellProcess = async (service: CloudService, signal: NodeJS.Signals) => {
    const [pid] = (await readFile(join(folder, "pid", service), "utf8")).split(" ");
    process.kill(-Number(pid), signal);
  };
  return {
    ...{ folder, cloudsFile, demo, admin },
    left: async () => (await thingsOf(demo)).map(({ words }) => words),
    clear: () => clear(demo),
    setQuota: (quota) => setQuota(admin, demo.projectId, quota),
    addImage: (image) => addImage(demo, image),
    stop: async (service) => void (await rig("stop", service)),
    start: async (service) => void (await rig("start", service)),
    freeze: (service) => tellProcess(service, "SIGSTOP"),
    thaw: (service) => tellProcess(service, "SIGCONT"),
  };
}

/** Something that a project has. */
type Thing = { words: string; remove: () => Promise<unknown> };
type Listed = { id: string; name?: string; floating_ip_address?: string };

async function thingsOf(api: Api): Promise<Thing[]> {
  const [servers, pairs, ports, addresses, images] = await Promise.all([
    api.get<{ servers: Listed[] }>("compute", "/servers"),
    api.get<{ keypairs: { keypair: { name: string } }[] }>("compute", "/os-keypairs"),
    api.get<{ ports: Listed[] }>("network", "/v2.0/ports"),
    api.get<{ floatingips: Listed[] }>("network", "/v2.0/floatingips"),
    api.get<{ images: Listed[] }>("image", `/v2/images?owner=${api.projectId}`),
  ]);
  const remove = (service: "compute" | "network" | "image", path: string) => () =>
    api.call(service, "DELETE", path);
  return [
    ...servers.servers.map(({ id, name }) => ({
      words: `server ${name} (${id})`,
      remove: remove("compute", `/servers/${id}`),
    })),
    ...pairs.keypairs.map(({ keypair: { name } }) => ({
      words: `key pair ${name}`,
      remove: remove("compute", `/os-keypairs/${name}`),
    })),
    ...addresses.floatingips.map(({ id, floating_ip_address }) => ({
      words: `floating IP ${floating_ip_address} (${id})`,
      remove: remove("network", `/v2.0/floatingips/${id}`),
    })),
    ...ports.ports.map(({ id }) => ({ words: `port ${id}`, remove: remove("network", `/v2.0/ports/${id}`) })),
    ...images.images.map(({ id, name }) => ({
      words: `image ${name} (${id})`,
      remove: remove("image", `/v2/images/${id}`),
    })),
  ];
}

async function clear(api: Api): Promise<void> {
  const end = Date.now() + GONE_MS;
  for (;;) {
    const things = await thingsOf(api);
    if (things.length === 0) return;
    if (Date.now() > end) throw new Error(`still there: ${things.map(({ words }) => words).join(", ")}`);
    // NB: a server takes its port along, and each of the two may be first.
    for (const { remove } of things) await remove();
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

async function setQuota(admin: Api, projectId: string, quota: Quota): Promise<() => Promise<void>> {
  const { instances, cores, ram, ...network } = quota;
  const computeBefore = await change(admin, projectId, "compute", { instances, cores, ram });
  const networkBefore = await change(admin, projectId, "network", network);
  return async () => {
    await change(admin, projectId, "compute", computeBefore);
    await change(admin, projectId, "network", networkBefore);
  };
}

/** Answers what these were before. */
async function change(
  admin: Api,
  projectId: string,
  service: "compute" | "network",
  wanted: Record<string, number | undefined>,
): Promise<Record<string, number>> {
  const path = service === "compute" ? `/os-quota-sets/${projectId}` : `/v2.0/quotas/${projectId}`;
  const field = service === "compute" ? "quota_set" : "quota";
  const keys = Object.keys(wanted).filter((key) => wanted[key] !== undefined);
  if (keys.length === 0) return {};
  const now = (await admin.get<Record<string, Record<string, number>>>(service, path))[field] ?? {};
  const { status, body } = await admin.call(service, "PUT", path, { body: { [field]: wanted } });
  if (status !== 200) throw new Error(`the quota was not changed: ${status} ${JSON.stringify(body)}`);
  return Object.fromEntries(keys.map((key) => [key, now[key] ?? -1]));
}

async function addImage(api: Api, { name, tags = [], fields }: NewImage): Promise<string> {
  const form = { name, tags, disk_format: "raw", container_format: "bare", ...fields };
  const made = await api.call("image", "POST", "/v2/images", { body: form });
  if (made.status !== 201) throw new Error(`no image: ${made.status} ${JSON.stringify(made.body)}`);
  const { id } = made.body as { id: string };
  const disk = { body: new Uint8Array(DISK_BYTES) };
  const put = await api.call("image", "PUT", `/v2/images/${id}/file`, disk);
  if (put.status !== 204)
    throw new Error(`the image took no disk: ${put.status} ${JSON.stringify(put.body)}`);
  return id;
}
