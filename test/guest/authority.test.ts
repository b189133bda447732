import { X509Certificate } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openAuthority } from "../../src/guest/authority.ts";
import { SetupError } from "../../src/ports.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const DAY_MS = 24 * 3600_000;
const HOSTS = ["192.168.121.1", "fd00::1:2", "runners.example.org"];

let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "mayfly-authority-")), "authority");
});
afterEach(() => rm(join(folder, ".."), { recursive: true }));

const open = (hosts = HOSTS, now = NOW) => openAuthority(folder, hosts, now);

describe("an authority", () => {
  test("signs a certificate for each name and address by which it is reached", async () => {
    const { ca, cert } = await open();

    const server = new X509Certificate(cert);
    expect(server.checkIP("192.168.121.1")).toBeDefined();
    expect(server.checkIP("fd00::1:2")).toBeDefined();
    expect(server.checkHost("runners.example.org")).toBeDefined();
    expect(server.checkIP("10.0.0.1")).toBeUndefined();
    expect(server.checkHost("192.168.121.1")).toBeUndefined();
    expect(server.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(new X509Certificate(ca).ca).toBe(true);
    expect(server.ca).toBe(false);
  });

  test("takes an IPv6 address with the brackets that an address on the web has", async () => {
    const { cert } = await open(["[fd00::1]"]);

    expect(new X509Certificate(cert).checkIP("fd00::1")).toBeDefined();
  });

  test("is one that OpenSSL has no complaint about", async () => {
    const { ca, cert } = await open();
    await writeFile(join(folder, "out.crt"), cert);
    await writeFile(join(folder, "out-ca.crt"), ca);
    const strict = [
      "-x509_strict",
      "-purpose",
      "sslserver",
      "-verify_ip",
      "192.168.121.1",
      "-attime",
      String(NOW / 1000),
    ];

    const { stdout } = await execa("openssl", [
      "verify",
      ...strict,
      "-CAfile",
      join(folder, "out-ca.crt"),
      join(folder, "out.crt"),
    ]);

    expect(stdout).toMatch(/: OK$/);
  });

  test("lives for ten years, its server's certificate for two", async () => {
    const { ca, cert } = await open();

    expect(new X509Certificate(ca).validToDate.getTime()).toBe(NOW + 3650 * DAY_MS);
    expect(new X509Certificate(cert).validToDate.getTime()).toBe(NOW + 820 * DAY_MS);
    expect(new X509Certificate(cert).validFromDate.getTime()).toBeLessThan(NOW);
  });

  test("is the same after a restart", async () => {
    const first = await open();

    expect(await open()).toEqual(first);
  });

  test("is for its owner's eyes only", async () => {
    await open();
    await chmod(folder, 0o755);
    await open();

    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(folder)) {
      expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    }
  });
});

describe("the server's certificate is made anew, by the same authority", () => {
  test("when a host was added", async () => {
    const first = await open();

    const second = await open([...HOSTS, "10.1.2.3"]);

    expect(second.ca).toBe(first.ca);
    expect(second.cert).not.toBe(first.cert);
    expect(new X509Certificate(second.cert).checkIP("10.1.2.3")).toBeDefined();
  });

  test("when a year and some are left of it", async () => {
    const first = await open();

    expect((await open(HOSTS, NOW + 419 * DAY_MS)).cert).toBe(first.cert);
    const later = await open(HOSTS, NOW + 421 * DAY_MS);

    expect(later.ca).toBe(first.ca);
    expect(later.cert).not.toBe(first.cert);
  });

  test("when its key is another's", async () => {
    const first = await open();
    await writeFile(join(folder, "server.key"), await readFile(join(folder, "ca.key")));

    const second = await open();

    expect(second.key).not.toBe(first.key);
    expect(new X509Certificate(second.cert).verify(new X509Certificate(first.ca).publicKey)).toBe(true);
  });
});

test("an authority is made anew before a server's certificate could outlive it", async () => {
  const first = await open();

  const second = await open(HOSTS, NOW + (3650 - 800) * DAY_MS);

  expect(second.ca).not.toBe(first.ca);
  expect(new X509Certificate(second.cert).verify(new X509Certificate(second.ca).publicKey)).toBe(true);
});

test("an authority whose certificate was lost is made anew", async () => {
  const first = await open();
  await rm(join(folder, "ca.crt"));

  expect((await open()).ca).not.toBe(first.ca);
});

test("a file that is no certificate is said in a sentence", async () => {
  await open();
  await writeFile(join(folder, "ca.crt"), "nonsense");

  await expect(open()).rejects.toThrow(SetupError);
  await expect(open()).rejects.toThrow(`${join(folder, "ca.crt")} cannot be read as a certificate`);
});

test("a name after 2049 is written with four digits of the year", async () => {
  const { ca } = await open(HOSTS, Date.parse("2045-01-01T00:00:00Z"));

  expect(new X509Certificate(ca).validToDate.getUTCFullYear()).toBe(2054);
});
