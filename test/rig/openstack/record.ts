import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type More, type Reply, type Service, send } from "./api.ts";
import { type Cloud, startCloud } from "./cloud.ts";
import { type Normaliser, normaliser } from "./normal.ts";
import { recordCompute } from "./record-compute.ts";
import { recordIdentity, recordImages, recordNetwork } from "./record-others.ts";
import { type Exchange, RECORDED, type Recorded, SERVICES } from "./recorded.ts";

/** Asks a cloud, and keeps what it says under a name. */
export type Recorder = {
  cloud: Cloud;
  take: (service: Service, name: string, method: string, path: string, more?: More) => Promise<Reply>;
};

/** Of a reply's headers, those that somebody may act on. */
const HEADERS = ["content-type", "location", "openstack-api-version", "retry-after", "www-authenticate"];
const IDS = ["x-openstack-request-id", "x-compute-request-id", "x-subject-token"];

/** Asks a genuine OpenStack all that Mayfly asks one, well and badly. Nothing is left in it. */
export async function record(cloud: Cloud): Promise<Recorded> {
  const recorded: Recorded = { identity: {}, compute: {}, image: {}, network: {} };
  const normal = normaliser(namesOf(cloud));
  const take: Recorder["take"] = async (service, name, method, path, more) => {
    const reply = await ask(cloud, service, method, path, more);
    recorded[service][name] = exchangeOf(normal, method, path, more, reply);
    return reply;
  };
  await cloud.clear();
  await recordIdentity({ cloud, take });
  await recordImages({ cloud, take });
  await recordNetwork({ cloud, take });
  await recordCompute({ cloud, take });
  await cloud.clear();
  return recorded;
}

function ask(
  { demo }: Cloud,
  service: Service,
  method: string,
  path: string,
  more: More = {},
): Promise<Reply> {
  // NB: signing in is done without a token.
  if (service === "identity") return send(`${demo.catalogue[service]}${path}`, method, more);
  return demo.call(service, method, path, more);
}

function exchangeOf(
  normal: Normaliser,
  method: string,
  path: string,
  more: More | undefined,
  { status, headers, body }: Reply,
): Exchange {
  const kept = [...HEADERS, ...IDS].flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const isFile = more?.body instanceof Uint8Array;
  return {
    method,
    path: normal.text(path),
    ...(more?.body === undefined || isFile ? {} : { request: withoutSecrets(normal.value(more.body)) }),
    status,
    headers: normal.value(Object.fromEntries(kept)),
    ...(body === undefined ? {} : { body: withoutSecrets(normal.value(body)) }),
  };
}

const SECRETS: ReadonlySet<string> = new Set(["secret", "password", "adminPass"]);

/** NB: the rig's credentials open nothing else, and still do not belong into a repository. */
function withoutSecrets<Value>(value: Value): Value {
  const hide = (key: string, inner: unknown) =>
    SECRETS.has(key) && typeof inner === "string" ? "hidden" : inner;
  return JSON.parse(JSON.stringify(value, hide));
}

const namesOf = ({ demo }: Cloud): Record<string, string> =>
  Object.fromEntries(
    Object.entries(demo.catalogue).map(([service, url]) => [new URL(url).origin, `http://${service}`]),
  );

async function main(): Promise<void> {
  const cloud = await startCloud({ virt: "fake" }, (text) => console.error(text));
  const recorded = await record(cloud);
  await mkdir(RECORDED, { recursive: true });
  for (const service of SERVICES) {
    await writeFile(join(RECORDED, `${service}.json`), `${JSON.stringify(recorded[service], null, 2)}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
