import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { SetupError } from "../ports.ts";
import { type Issuer, makeCertificate, type Wanted } from "./certificate.ts";

/** What the guest listener serves with, and what a guest needs to trust it. All PEM. */
export type ListenerTls = { ca: string; cert: string; key: string };

const DAY_MS = 24 * 3600_000;
const AUTHORITY_MS = 3650 * DAY_MS;
/** See: support.apple.com/en-us/103769: macOS trusts no certificate that is good for more than 825 days, whoever signed it. */
const SERVER_MS = 820 * DAY_MS;
/** A server's certificate is made anew at a start when less than this is left of it: a process that runs for longer is restarted before. */
const RENEW_MS = 400 * DAY_MS;
/** The clock of a fresh VM may be behind. */
const BACKDATE_MS = 2 * DAY_MS;

/**
 * Opens the guest listener's own certificate authority in a folder that only we can read, and makes it at the first start.
 * The server's certificate is made anew when `hosts` have changed or its end is near. The authority is made anew when
 * its own end is near; guests that were started before then no longer trust us, and power themselves off.
 * `hosts`: names and addresses by which VMs reach the listener. `now`: epoch ms.
 */
export async function openAuthority(
  folder: string,
  hosts: readonly string[],
  now: number,
): Promise<ListenerTls> {
  const names = [...new Set(hosts.map((host) => host.replace(/^\[(.*)\]$/, "$1")))];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const authority =
    (await load(folder, "ca", now + SERVER_MS)) ?? (await make(folder, "ca", authorityOf(now)));
  const server =
    (await loadServer(folder, authority, names, now)) ??
    (await make(folder, "server", serverOf(names, now), issuerOf(authority)));
  return { ca: authority.cert, cert: server.cert, key: server.key };
}

type Pair = { cert: string; key: string };
type Kind = "ca" | "server";

const AUTHORITY_NAME = "Mayfly guest authority";

const authorityOf = (now: number): Omit<Wanted, "publicKey"> => ({
  name: AUTHORITY_NAME,
  notBefore: now - BACKDATE_MS,
  notAfter: now + AUTHORITY_MS,
  use: "authority",
});

const serverOf = (hosts: readonly string[], now: number): Omit<Wanted, "publicKey"> => ({
  name: "Mayfly guest listener",
  notBefore: now - BACKDATE_MS,
  notAfter: now + SERVER_MS,
  use: { hosts },
});

const issuerOf = ({ key }: Pair): Issuer => ({
  name: AUTHORITY_NAME,
  privateKey: createPrivateKey(key),
  publicKey: createPublicKey(key),
});

/** A pair from the folder, if it is there, belongs together and is good until `until`. */
async function load(folder: string, kind: Kind, until: number): Promise<Pair | undefined> {
  const [key, cert] = [await read(join(folder, `${kind}.key`)), await read(join(folder, `${kind}.crt`))];
  if (key === undefined || cert === undefined) return undefined;
  const certificate = parse(join(folder, kind), cert, key);
  if (!certificate) return undefined;
  return certificate.validToDate.getTime() > until ? { cert, key } : undefined;
}

/** The certificate, if it belongs to the key. */
function parse(path: string, cert: string, key: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.checkPrivateKey(createPrivateKey(key)) ? certificate : undefined;
  } catch (cause) {
    throw new SetupError(
      `${path}.crt cannot be read as a certificate, or ${path}.key as its key. Remove both, and they are made anew.`,
      { cause },
    );
  }
}

async function loadServer(
  folder: string,
  authority: Pair,
  hosts: readonly string[],
  now: number,
): Promise<Pair | undefined> {
  const server = await load(folder, "server", now + RENEW_MS);
  if (!server) return undefined;
  const certificate = new X509Certificate(server.cert);
  if (!certificate.verify(createPublicKey(authority.key))) return undefined;
  return hosts.every((host) => isGoodFor(certificate, host)) ? server : undefined;
}

const isGoodFor = (certificate: X509Certificate, host: string): boolean =>
  (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined;

/** NB: the certificate is written last: a key without its certificate counts as none. */
async function make(
  folder: string,
  kind: Kind,
  wanted: Omit<Wanted, "publicKey">,
  issuer?: Issuer,
): Promise<Pair> {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const self = { name: wanted.name, publicKey, privateKey };
  const pair = { cert: makeCertificate({ ...wanted, publicKey }, issuer ?? self), key: pemOf(privateKey) };
  await write(join(folder, `${kind}.key`), pair.key);
  await write(join(folder, `${kind}.crt`), pair.cert);
  return pair;
}

const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (err) {
    if (err instanceof Error && "code" in err && err.code === "ENOENT") return undefined;
    throw err;
  }
}

/** Whole or not at all, also if the machine stops in between. */
async function write(path: string, content: string): Promise<void> {
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
