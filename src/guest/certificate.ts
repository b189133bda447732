import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { bits, bool, octets, oid, pem, sequence, set, tagged, text, time, unsigned } from "./der.ts";

/** Who signs. For a certificate authority's own certificate: itself. */
export type Issuer = { name: string; privateKey: KeyObject; publicKey: KeyObject };

export type Wanted = {
  name: string;
  publicKey: KeyObject;
  notBefore: number;
  notAfter: number;
  /** Host names and addresses that a server's certificate is good for; `authority` may sign others' instead. */
  use: { hosts: readonly string[] } | "authority";
};

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

/**
 * Makes a certificate and signs it with ECDSA and SHA-256. Answers it as PEM.
 * Throws if Node's own reader does not find in it what was wanted.
 * See: RFC 5280, section 4.
 */
export function makeCertificate(wanted: Wanted, issuer: Issuer): string {
  const body = sequence(
    tagged(0xa0, unsigned(Uint8Array.of(2))),
    unsigned(serialNumber()),
    ECDSA_WITH_SHA256,
    commonName(issuer.name),
    sequence(time(wanted.notBefore), time(wanted.notAfter)),
    commonName(wanted.name),
    publicKeyInfo(wanted.publicKey),
    tagged(0xa3, sequence(...extensions(wanted, issuer))),
  );
  const signature = sign("sha256", body, issuer.privateKey);
  const certificate = pem("CERTIFICATE", sequence(body, ECDSA_WITH_SHA256, bits(signature)));
  if (!new X509Certificate(certificate).verify(issuer.publicKey))
    throw new Error("the certificate made is not a valid one");
  return certificate;
}

/** 127 random bits: never negative, and never twice the same. */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial[0] = (serial[0] ?? 0) & 0x7f;
  return serial;
}

const commonName = (name: string): Buffer => sequence(set(sequence(oid("2.5.4.3"), text(name))));

const publicKeyInfo = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" });

const keyId = (key: KeyObject): Buffer =>
  createHash("sha256").update(publicKeyInfo(key)).digest().subarray(0, 20);

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(oid(id), ...(critical ? [bool(true)] : []), octets(value));

function extensions({ use, publicKey }: Wanted, issuer: Issuer): Buffer[] {
  const ids = [
    extension("2.5.29.14", false, octets(keyId(publicKey))),
    extension("2.5.29.35", false, sequence(tagged(0x80, keyId(issuer.publicKey)))),
  ];
  if (use === "authority") {
    const mayBeAuthority = sequence(bool(true), unsigned(Uint8Array.of(0)));
    const signsCertificates = bits(Uint8Array.of(0b0000_0110), 1);
    return [
      extension("2.5.29.19", true, mayBeAuthority),
      extension("2.5.29.15", true, signsCertificates),
      ...ids,
    ];
  }
  const signs = bits(Uint8Array.of(0b1000_0000), 7);
  return [
    extension("2.5.29.19", true, sequence()),
    extension("2.5.29.15", true, signs),
    extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1"))),
    extension("2.5.29.17", false, sequence(...use.hosts.map(alternativeName))),
    ...ids,
  ];
}

/** NB: an address counts only if it is written as an address, not as a name. */
function alternativeName(host: string): Buffer {
  switch (isIP(host)) {
    case 4:
      return tagged(0x87, Buffer.from(host.split(".").map(Number)));
    case 6:
      return tagged(0x87, ipv6Bytes(host));
    default:
      return tagged(0x82, Buffer.from(host, "ascii"));
  }
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes an address in its one canonical form, with hexadecimal groups only.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (part: string | undefined): string[] => (part ? part.split(":") : []);
  const [left, right] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return Buffer.from([...left, ...zeros, ...right].map((group) => group.padStart(4, "0")).join(""), "hex");
}
