import { once } from "node:events";
import { execa } from "execa";

/** A network namespace in which something listens on every port of `TCP` and `UDP`, at every address it has. */
export type Place = {
  name: string;
  run: (command: string, ...args: string[]) => Promise<string>;
  /** Whether a TCP connection from here comes about within a second. */
  connects: (address: string, port: number) => Promise<boolean>;
  /** Whether a datagram from here is answered within a second. */
  isAnswered: (address: string, port: number) => Promise<boolean>;
};

const TCP = [22, 53, 80, 443, 3000, 8443, 16509];
const UDP = [53, 67, 123, 5353];

export type Places = { host: Place; vm: Place; otherVm: Place; beside: Place; close: () => Promise<void> };

/**
 * The host with its bridge mayfly0, as libvirt makes it; two VMs on it; and a neighbour beside the host, who is at all the addresses that
 * VMs may and may not reach: on the internet, in private networks, at a cloud's metadata.
 */
export async function openPlaces(): Promise<Places> {
  const ended = new AbortController();
  const names = ["host", "vm", "other", "beside"].map((name) => `mayfly-${process.pid}-${name}`);
  const [host, vm, otherVm, beside] = names.map(place) as [Place, Place, Place, Place];
  for (const name of names) await execa("ip", ["netns", "add", name]);
  for (const line of layout(host, vm, otherVm, beside)) await execa("ip", line.split(" "));
  await host.run("sysctl", "-q", "-e", "-w", ...SETTINGS);
  await Promise.all(names.map((name) => listenEverywhere(name, ended.signal)));
  const close = async () => {
    ended.abort();
    for (const name of names) await execa("ip", ["netns", "delete", name], { reject: false });
  };
  return { host, vm, otherVm, beside, close };
}

/** NB: some machines show the firewall what goes over a bridge (`-e`: others do not know the setting); so it would hide a bridge that is open. */
const SETTINGS = [
  "net.ipv4.ip_forward=1",
  "net.ipv6.conf.all.forwarding=1",
  "net.bridge.bridge-nf-call-iptables=0",
  "net.bridge.bridge-nf-call-ip6tables=0",
];

/** Addresses of the neighbour. See: firewall.vm.ts for who may reach which. */
const BESIDE = [
  "10.1.2.3",
  "100.64.0.5",
  "169.254.169.254",
  "172.16.0.5",
  "172.31.255.250",
  "192.0.0.5",
  "192.168.9.2",
  "198.18.0.5",
  "203.0.113.2",
];

/** But for the last digit: a VM's is its number, the bridge's is f. */
const MAC = "02:77:00:00:00:0";

function layout(host: Place, vm: Place, otherVm: Place, beside: Place): string[] {
  const vms = [vm, otherVm].flatMap(({ name }, index) => [
    `-n ${host.name} link add vnet${index} type veth peer name eth0 netns ${name}`,
    `-n ${host.name} link set vnet${index} master mayfly0`,
    // As libvirt does for <port isolated='yes'/>.
    `-n ${host.name} link set vnet${index} type bridge_slave isolated on`,
    `-n ${host.name} link set vnet${index} up`,
    `-n ${name} link set lo up`,
    `-n ${name} address add 10.77.0.1${index}/20 dev eth0`,
    `-n ${name} address add fd77::1${index}/64 dev eth0 nodad`,
    `-n ${name} link set eth0 up`,
    `-n ${name} route add default via 10.77.0.1`,
    `-n ${name} -6 route add default via fd77::1`,
    // NB: the firewall stops IPv6's own asking for neighbours as well. Here both sides know each other, so that it is the rules that count.
    `-n ${name} -6 neighbour replace fd77::1 lladdr ${MAC}f dev eth0`,
    `-n ${name} -6 neighbour replace fe80::1 lladdr ${MAC}f dev eth0`,
    `-n ${name} link set eth0 address ${MAC}${index}`,
    `-n ${host.name} -6 neighbour replace fd77::1${index} lladdr ${MAC}${index} dev mayfly0`,
  ]);
  return [
    `-n ${host.name} link add mayfly0 type bridge`,
    `-n ${host.name} link set mayfly0 address ${MAC}f addrgenmode none`,
    `-n ${host.name} address add 10.77.0.1/20 dev mayfly0`,
    `-n ${host.name} address add fd77::1/64 dev mayfly0 nodad`,
    `-n ${host.name} address add fe80::1/64 dev mayfly0 nodad`,
    `-n ${host.name} link add lan0 type veth peer name eth0 netns ${beside.name}`,
    `-n ${host.name} address add 192.168.9.1/24 dev lan0`,
    `-n ${host.name} address add 203.0.113.1/24 dev lan0`,
    `-n ${host.name} address add 2001:db8::1/64 dev lan0 nodad`,
    ...[host, beside].map(({ name }) => `-n ${name} link set lo up`),
    `-n ${host.name} link set mayfly0 up`,
    `-n ${host.name} link set lan0 up`,
    ...vms,
    `-n ${beside.name} link set eth0 up`,
    ...BESIDE.map((address) => `-n ${beside.name} address add ${address}/32 dev eth0`),
    `-n ${beside.name} address add 2001:db8::2/64 dev eth0 nodad`,
    `-n ${beside.name} route add 192.168.9.1/32 dev eth0`,
    `-n ${beside.name} route add default via 192.168.9.1`,
    `-n ${beside.name} -6 route add default via 2001:db8::1`,
    ...BESIDE.map((address) => `-n ${host.name} route add ${address}/32 dev lan0`),
  ];
}

function place(name: string): Place {
  const inside = (args: readonly string[]) =>
    execa("ip", ["netns", "exec", name, ...args], { reject: false });
  return {
    name,
    run: async (command, ...args) => (await execa("ip", ["netns", "exec", name, command, ...args])).stdout,
    connects: async (address, port) => {
      const opening = ["bash", "-c", `exec 3<>"/dev/tcp/$0/$1"`, address, `${port}`];
      return (await inside(["timeout", "1", ...opening])).exitCode === 0;
    },
    isAnswered: async (address, port) =>
      (await inside([process.execPath, "-e", ASK, address, `${port}`])).exitCode === 0,
  };
}

const ASK = `
  const [address, port] = process.argv.slice(1);
  const socket = require("node:dgram").createSocket("udp4");
  socket.on("message", () => process.exit(0));
  socket.bind(() => {
    socket.setBroadcast(true);
    socket.send("hello", Number(port), address);
  });
  setTimeout(() => process.exit(1), 1000);
`;

const LISTEN = `
  const ports = ${JSON.stringify({ tcp: TCP, udp: UDP })};
  const tcp = (port) => new Promise((done) => require("node:net").createServer((s) => s.end()).listen(port, "::", done));
  const udp = (port) => new Promise((done) => {
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("message", (text, from) => socket.send(text, from.port, from.address));
    socket.bind(port, "0.0.0.0", done);
  });
  Promise.all([...ports.tcp.map(tcp), ...ports.udp.map(udp)]).then(() => console.log("open"));
`;

/** Resolves when all ports are open. */
async function listenEverywhere(namespace: string, signal: AbortSignal): Promise<void> {
  const listener = execa("ip", ["netns", "exec", namespace, process.execPath, "-e", LISTEN], {
    cancelSignal: signal,
    reject: false,
  });
  const said = await Promise.race([once(listener.stdout, "data"), listener.then(({ stderr }) => stderr)]);
  if (String(said) !== "open\n") throw new Error(`nobody listens in ${namespace}: ${said}`);
}
