import { once } from "node:events";
import { resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const RULES = resolve(import.meta.dirname, "../../vagrant/libvirt/firewall.nft");

/** Network namespaces: the host with its network mayfly0, a VM on it, and a neighbour beside the host, at a private and at a public address. */
const [HOST, VM, NEIGHBOUR] = ["host", "vm", "beside"].map((name) => `mayfly-${process.pid}-${name}`) as [
  string,
  string,
  string,
];

const LAYOUT = `
  -n ${HOST} link add mayfly0 type veth peer name eth0 netns ${VM}
  -n ${HOST} link add lan0 type veth peer name eth0 netns ${NEIGHBOUR}
  -n ${HOST} address add 10.77.0.1/20 dev mayfly0
  -n ${HOST} address add 192.168.9.1/24 dev lan0
  -n ${HOST} address add 203.0.113.1/24 dev lan0
  -n ${VM} address add 10.77.0.10/20 dev eth0
  -n ${NEIGHBOUR} address add 192.168.9.2/24 dev eth0
  -n ${NEIGHBOUR} address add 203.0.113.2/24 dev eth0
  -n ${HOST} link set mayfly0 up
  -n ${HOST} link set lan0 up
  -n ${VM} link set eth0 up
  -n ${NEIGHBOUR} link set eth0 up
  -n ${VM} route add default via 10.77.0.1
  -n ${NEIGHBOUR} route add default via 192.168.9.1
`;

/** Something listens on all of these ports, everywhere. */
const PORTS = [22, 80, 443, 3000, 8443];

describe("the firewall of the VMs' network", () => {
  const ended = new AbortController();

  beforeAll(async () => {
    for (const name of [HOST, VM, NEIGHBOUR]) await execa("ip", ["netns", "add", name]);
    for (const line of LAYOUT.trim().split("\n")) await execa("ip", line.trim().split(" "));
    await inside(HOST, ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
    await Promise.all([HOST, VM, NEIGHBOUR].map((name) => listenEverywhere(name, ended.signal)));
    // NB: twice, since loading it again must do no harm.
    for (const _ of [1, 2]) await inside(HOST, ["nft", "--file", RULES]);
  });

  afterAll(async () => {
    ended.abort();
    for (const name of [HOST, VM, NEIGHBOUR]) await execa("ip", ["netns", "delete", name], { reject: false });
  });

  it.each([
    ["the guest listener", "10.77.0.1", 8443],
    ["the internet", "203.0.113.2", 443],
  ])("lets a VM reach %s", async (_, address, port) => {
    expect(await connects(VM, address, port)).toBe(true);
  });

  it.each([
    ["the host's SSH", "10.77.0.1", 22],
    ["the web listener", "10.77.0.1", 3000],
    ["the host at its other address", "192.168.9.1", 22],
    ["a private address beside the host", "192.168.9.2", 80],
  ])("keeps a VM from %s", async (_, address, port) => {
    expect(await connects(HOST, "10.77.0.10", port), "the port is open to others").toBe(true);

    expect(await connects(VM, address, port)).toBe(false);
  });

  it("lets the host reach a VM", async () => {
    expect(await connects(HOST, "10.77.0.10", 22)).toBe(true);
  });

  it("leaves everybody else alone", async () => {
    expect(await connects(NEIGHBOUR, "192.168.9.1", 22)).toBe(true);
    expect(await connects(HOST, "192.168.9.2", 80)).toBe(true);
  });
});

const inside = (namespace: string, command: readonly string[]) =>
  execa("ip", ["netns", "exec", namespace, ...command]);

/** Resolves when all ports are open. */
async function listenEverywhere(namespace: string, signal: AbortSignal): Promise<void> {
  const program = `
    const ports = ${JSON.stringify(PORTS)};
    const open = (port) => new Promise((done) => require("node:net").createServer((s) => s.end()).listen(port, "0.0.0.0", done));
    Promise.all(ports.map(open)).then(() => console.log("open"));
  `;
  const listener = execa("ip", ["netns", "exec", namespace, process.execPath, "-e", program], {
    cancelSignal: signal,
    reject: false,
  });
  const said = await Promise.race([once(listener.stdout, "data"), listener.then(({ stderr }) => stderr)]);
  if (String(said) !== "open\n") throw new Error(`nobody listens in ${namespace}: ${said}`);
}

/** Whether a connection comes about within a second. */
async function connects(namespace: string, address: string, port: number): Promise<boolean> {
  const { exitCode } = await execa(
    "ip",
    [
      "netns",
      "exec",
      namespace,
      "timeout",
      "1",
      "bash",
      "-c",
      `exec 3<>"/dev/tcp/$0/$1"`,
      address,
      `${port}`,
    ],
    { reject: false },
  );
  return exitCode === 0;
}
