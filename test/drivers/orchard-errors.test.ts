import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { machineName } from "../../src/core/name.ts";
import { readAccount } from "../../src/drivers/orchard/account.ts";
import { orchardAt } from "../../src/drivers/orchard/api.ts";
import { roomOf } from "../../src/drivers/orchard/room.ts";
import { openAuthority } from "../../src/guest/authority.ts";
import { startFleet } from "./fleet/server.ts";
import { VERSIONS } from "./fleet/shapes.ts";
import { freshHost, type OrchardBench, openBench } from "./orchard-bench.ts";

const soon = () => AbortSignal.timeout(15_000);
const newName = () => machineName("test", "image", randomBytes(8));

async function fresh(parts: Parameters<typeof openBench>[1] = {}): Promise<OrchardBench> {
  const bench = await openBench(await freshHost(), parts);
  onTestFinished(bench.close);
  return bench;
}

test("a VM that powered itself off is off, although Orchard calls it failed", async () => {
  const bench = await fresh();
  const name = newName();
  await bench.driver.start(bench.orderOf(name, "stub-off"), soon());

  await expect
    .poll(() => bench.driver.list(soon()))
    .toEqual([{ name, state: "off", text: "VM failed: VM exited unexpectedly" }]);
});

test("a VM that cannot be made is broken, in Orchard's words", async () => {
  const bench = await fresh();
  const name = newName();
  await bench.driver.start(bench.orderOf(name, "stub-gone"), soon());

  const text = 'failed to clone the VM: the specified VM "stub-gone" does not exist';
  await expect.poll(() => bench.driver.list(soon())).toEqual([{ name, state: "broken", text }]);
});

test("a Mac that is full after all is no failure", async () => {
  const bench = await fresh();
  const name = newName();
  await bench.driver.start(bench.orderOf(name, "stub-full"), soon());

  await expect
    .poll(() => bench.driver.list(soon()))
    .toEqual([expect.objectContaining({ state: "broken", isNoRoom: true })]);
});

test("a name is started once", async () => {
  const bench = await fresh();
  const order = bench.order(newName());
  await bench.driver.start(order, soon());

  await expect(bench.driver.start(order, soon())).rejects.toThrow(
    "Orchard answered POST /vms with 409: VM with this name already exists",
  );
});

test("VMs reach the guest listener, and what the operator allows, and nothing else that is private", async () => {
  const bench = await fresh();
  const name = newName();
  const orchard = { url: "", vmUser: "admin", ...bench.host.orchard, allow: ["10.1.2.0/24", "10.9.9.9"] };
  const other = await openBench(
    { root: join(bench.host.orchard?.credentials ?? "", ".."), port: bench.fleet.port },
    { host: { orchard } },
  );

  await other.driver.start(other.order(name), soon());

  expect(bench.fleet.vms.get(name)).toMatchObject({
    netSoftnet: true,
    netSoftnetAllow: ["192.168.64.1/32", "10.1.2.0/24", "10.9.9.9/32"],
  });
  await other.driver.close();
});

test.each(["25d8d9d", "01bf2d7"] as const)(
  "a VM has neither the Mac's sound nor its clipboard, whatever Orchard's version gives unasked: %s",
  async (version) => {
    const bench = await openBench(await freshHost(version));
    onTestFinished(bench.close);
    const name = newName();

    await bench.driver.start(bench.order(name), soon());

    const vm = bench.fleet.vms.get(name) ?? {};
    expect(VERSIONS[version].tartFlags(vm)).toEqual(["--no-audio", "--no-clipboard"]);
    expect(Object.keys(vm)).toEqual(expect.arrayContaining([...VERSIONS[version].fields]));
  },
);

test("the room is that of the Macs that work, without what others have there", () => {
  const at = Date.parse("2026-11-27T04:00:00Z");
  const places = (count: number) => ({ "org.cirruslabs.tart-vms": count });
  const workers = [
    { name: "good", last_seen: "2026-11-27T03:59:30Z", scheduling_paused: false, resources: places(2) },
    { name: "new", scheduling_paused: false, resources: places(2) },
    { name: "paused", last_seen: "2026-11-27T03:59:30Z", scheduling_paused: true, resources: places(2) },
    { name: "lost", last_seen: "2026-11-27T03:50:00Z", scheduling_paused: false, resources: places(2) },
  ];
  const vm = { status: "running", status_message: "", resources: places(1) };
  const vms = [
    { ...vm, name: "ours-1", worker: "good" },
    { ...vm, name: "theirs-1", worker: "good" },
    { ...vm, name: "theirs-2", worker: "lost" },
    { ...vm, name: "theirs-3", worker: "new", status: "failed" },
  ];

  const room = roomOf(workers, vms, { isOurs: (name) => name.startsWith("ours"), now: at });

  expect(room).toEqual({ machines: 3 });
});

test("a check says that no Mac works", async () => {
  const bench = await fresh();
  bench.fleet.workers = [];

  expect(await bench.driver.check(soon())).toEqual([
    "No Mac of Orchard's can be given a VM just now. Look there: orchard list workers",
  ]);
});

test("a controller that does not answer is told with its cure", async () => {
  const bench = await fresh();
  await bench.fleet.cutOff();

  expect(await bench.driver.check(soon())).toEqual([
    expect.stringMatching(
      /^Orchard's controller http:\/\/127\.0\.0\.1:\d+ did not answer: .*ECONNREFUSED.*\. Start it there \(orchard controller run\), open its port to this machine, or mend orchard\.url in mayfly\.yml\.$/,
    ),
  ]);
});

test("a wrong token is told with its cure, and without the token", async () => {
  const bench = await fresh();
  const file = bench.host.orchard?.credentials ?? "";
  await writeFile(
    file,
    "ORCHARD_SERVICE_ACCOUNT_NAME=mayfly\nORCHARD_SERVICE_ACCOUNT_TOKEN=wrong-token\nORCHARD_VM_PASSWORD=x\n",
  );

  const said = await bench.driver.check(soon());

  expect(said).toEqual([
    "Orchard answered GET /controller/info with 401: no words. Give the service account the roles compute:read, compute:write and compute:connect, or mend its name and token.",
  ]);
});

test("a controller that says what it was sent gets our token into no error", async () => {
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    const token = Buffer.from(authorization?.replace("Basic ", "") ?? "", "base64").toString();
    response.writeHead(500).end(JSON.stringify({ message: `panic with ${authorization}, ${token}, p-w` }));
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await expect.poll(() => server.listening).toBe(true);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const orchard = orchardAt({ ...PLACE, url }, systemClock, { ...ENV, ORCHARD_VM_PASSWORD: "p-w" });

  const asked = [orchard.vms(soon()), orchard.exec("x", "id", 1, soon())];

  for (const one of asked)
    await expect(one).rejects.toThrow(/with 500: panic with Basic \*{3}, mayfly:\*{3}, \*{3}$/);
});

test("a controller that is not there is told of, without the token", async () => {
  const orchard = orchardAt({ ...PLACE, url: "http://127.0.0.1:1" }, systemClock, ENV);

  const error = await orchard.vms(soon()).catch((one: unknown) => one);

  expect(String(error)).toMatch(
    /Orchard's controller http:\/\/127\.0\.0\.1:1 did not answer: .*ECONNREFUSED/,
  );
  expect(inspect(error, { depth: 9 })).not.toContain("hush-hush-token");
});

test("a token that others can read is refused", async () => {
  const bench = await fresh();
  const file = bench.host.orchard?.credentials ?? "";
  await chmod(file, 0o640);

  expect(await bench.driver.check(soon())).toEqual([
    `Others can read the token in ${file}. Run: chmod 600 ${file}`,
  ]);
});

test("without a file the environment says who we are, and what is missing is named", () => {
  const env = { ORCHARD_SERVICE_ACCOUNT_NAME: "mayfly", ORCHARD_SERVICE_ACCOUNT_TOKEN: "t" };

  expect(readAccount(undefined, { ...env, ORCHARD_VM_PASSWORD: "p" })).toEqual({
    name: "mayfly",
    token: "t",
    vmPassword: "p",
  });
  expect(() => readAccount(undefined, env)).toThrow(
    "ORCHARD_VM_PASSWORD must be set in the environment of the service.",
  );
});

test.each([
  ["its own name", "orchard-controller"],
  ["its address", "127.0.0.1"],
])("a controller with a certificate of its own is trusted by that, for %s", async (_, host) => {
  const { ca, certificate } = await ownCertificate(host);
  const fleet = await startFleet({ certificate });
  onTestFinished(fleet.cutOff);
  const url = `https://127.0.0.1:${fleet.port}`;

  const trusting = orchardAt({ ...PLACE, url, ca }, systemClock, ENV);
  const doubting = orchardAt({ ...PLACE, url }, systemClock, ENV);

  expect(await trusting.version(soon())).toBe("0.60.0");
  await expect(doubting.version(soon())).rejects.toThrow(/did not answer: .*certificate/);
});

test("another name than that is not trusted", async () => {
  const { ca, certificate } = await ownCertificate("elsewhere.example.org");
  const fleet = await startFleet({ certificate });
  onTestFinished(fleet.cutOff);

  const orchard = orchardAt({ ...PLACE, url: `https://127.0.0.1:${fleet.port}`, ca }, systemClock, ENV);

  await expect(orchard.version(soon())).rejects.toThrow("did not answer");
});

const PLACE = { url: "", vmUser: "admin", allow: [] };
const ENV = {
  ORCHARD_SERVICE_ACCOUNT_NAME: "mayfly",
  ORCHARD_SERVICE_ACCOUNT_TOKEN: "hush-hush-token",
  ORCHARD_VM_PASSWORD: "p",
};

/** A certificate that no authority of the system has signed. `ca`: the file of what has. */
async function ownCertificate(
  host: string,
): Promise<{ ca: string; certificate: { key: string; cert: string } }> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-orchard-ca-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { cert, key } = await openAuthority(folder, [host], Date.now());
  return { ca: join(folder, "ca.crt"), certificate: { cert, key } };
}
