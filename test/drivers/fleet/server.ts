import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Ajv } from "ajv";
import { answerExec, type ExecParts } from "./exec.ts";
import { EVENTS, EVENTS_QUERY, EXEC_QUERY, NEW_VM, VERSIONS, type Version, VMS, WORKERS } from "./shapes.ts";

export type FleetVm = {
  name: string;
  image: string;
  status: "pending" | "running" | "failed";
  status_message: string;
  worker: string;
  resources: Record<string, number>;
  [key: string]: unknown;
};

export type Worker = {
  name: string;
  last_seen?: string;
  scheduling_paused?: boolean;
  resources: Record<string, number>;
};

/** Stands in for Orchard's controller and its Macs. What a VM does is told by its image's name; see `begin`. */
export type Fleet = {
  port: number;
  version: Version;
  vms: Map<string, FleetVm>;
  workers: Worker[];
  /** What was refused since it was not as Orchard's description says. */
  slips: string[];
  /** What commands in VMs were given to read, by VM. */
  handedOver: { name: string; command: string; input: string }[];
  /** How commands in VMs end. */
  exec: ExecParts;
  /** Addresses that were asked for, as an access log has them. */
  asked: string[];
  cutOff: () => Promise<void>;
};

const ACCOUNT = "mayfly:hush-hush-token";
export const AUTHORIZATION = `Basic ${Buffer.from(ACCOUNT).toString("base64")}`;

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });

export async function startFleet({
  version = "25d8d9d",
  certificate,
}: {
  version?: Version;
  certificate?: { key: string; cert: string };
} = {}): Promise<Fleet> {
  const sockets = new Set<Socket>();
  const server: Server = certificate ? createSecureServer(certificate) : createServer();
  const fleet: Fleet = {
    ...{ port: 0, version },
    vms: new Map(),
    workers: [{ name: "mac-1", last_seen: new Date().toISOString(), resources: { [PLACES]: 2 } }],
    ...{ slips: [], handedOver: [], asked: [], exec: { exitCode: 0, says: "" } },
    cutOff: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("request", (request, response) => void answer(fleet, request, response));
  // NB: a client that was killed resets its connection.
  server.on("upgrade", (request, socket) => void exec(fleet, request, socket).catch(() => undefined));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  fleet.port = (server.address() as AddressInfo).port;
  return fleet;
}

export const PLACES = "org.cirruslabs.tart-vms";

async function answer(fleet: Fleet, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "", "http://orchard");
  const body = await textOf(request);
  fleet.asked.push(`${request.method} ${request.url}`);
  const reply = (status: number, value?: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(value === undefined ? "" : JSON.stringify(value));
  };
  if (request.headers.authorization !== AUTHORIZATION) return reply(401);
  const [, , kind, name, part] = url.pathname.split("/");
  const route = `${request.method} ${url.pathname.replace(`/${name}`, "/{name}")}`;
  const query = Object.fromEntries(url.searchParams);
  switch (name === undefined ? `${request.method} /v1/${kind}` : route) {
    case "GET /v1/{name}/info":
    case "GET /v1/controller/{name}":
      return reply(200, { version: "0.60.0" });
    case "GET /v1/workers":
      return reply(200, checked(fleet, WORKERS, fleet.workers));
    case "GET /v1/vms":
      return reply(200, checked(fleet, VMS, [...fleet.vms.values()]));
    case "POST /v1/vms":
      return reply(...create(fleet, JSON.parse(body)));
    case "DELETE /v1/vms/{name}":
      return reply(fleet.vms.delete(name ?? "") ? 200 : 404);
    case "GET /v1/vms/{name}/events":
      if (!isRight(fleet, EVENTS_QUERY, query)) return reply(400, { message: "invalid query" });
      if (!fleet.vms.has(name ?? "")) return reply(404);
      return reply(
        200,
        checked(fleet, EVENTS, [{ kind: "log_line", payload: "second" }, { payload: "first" }]),
      );
    default:
      fleet.slips.push(`no such call: ${route} ${part ?? ""}`);
      return reply(404);
  }
}

/** NB: as Go's decoder does, it leaves out what a version does not know. */
function create(fleet: Fleet, body: Record<string, unknown>): [number, unknown] {
  if (!isRight(fleet, NEW_VM, body)) return [400, { message: "invalid JSON was provided" }];
  const { name, image } = body as { name: string; image: string };
  const unknown: string[] = Object.entries(VERSIONS).flatMap(([version, { fields }]) =>
    version === fleet.version ? [] : [...fields],
  );
  if (fleet.vms.has(name)) return [409, { message: "VM with this name already exists" }];
  const vm: FleetVm = {
    ...Object.fromEntries(Object.entries(body).filter(([field]) => !unknown.includes(field))),
    ...{ name, image, status: "pending", status_message: "", worker: "", resources: { [PLACES]: 1 } },
  };
  fleet.vms.set(name, vm);
  setImmediate(begin, vm);
  return [200, vm];
}

function begin(vm: FleetVm): void {
  if (vm.image === "stub-slow") return;
  vm.worker = "mac-1";
  vm.status = "running";
  vm.status_message = "the stub VM is up";
  const end = ENDS[vm.image];
  if (end) Object.assign(vm, { status: "failed", status_message: end });
}

/** See: openai/orchard, internal/worker/vmmanager/tart/tart.go. */
const ENDS: Record<string, string> = {
  "stub-off": "VM failed: VM exited unexpectedly",
  "stub-gone": 'failed to clone the VM: the specified VM "stub-gone" does not exist',
  "stub-full": "VM failed: The number of VMs exceeds the system limit (other running VMs: a, b)",
};

async function exec(fleet: Fleet, request: IncomingMessage, connection: Duplex): Promise<void> {
  const url = new URL(request.url ?? "", "http://orchard");
  const [, , , name = ""] = url.pathname.split("/");
  const query = Object.fromEntries(url.searchParams);
  fleet.asked.push(`${request.method} ${request.url}`);
  const refuse = (status: number, message: string) =>
    connection.end(
      `HTTP/1.1 ${status} No\r\ncontent-length: ${message.length}\r\nconnection: close\r\n\r\n${message}`,
    );
  connection.on("error", () => undefined);
  if (request.headers.authorization !== AUTHORIZATION) return void refuse(401, "");
  if (!isRight(fleet, EXEC_QUERY, query)) return void refuse(400, '{"message":"invalid query"}');
  const vm = fleet.vms.get(name);
  if (!vm) return void refuse(404, "");
  if (vm.status !== "running") return void refuse(503, '{"message":"the VM is not running"}');
  const input = await answerExec(request, connection, fleet.exec);
  if (typeof input === "string") fleet.handedOver.push({ name, command: query.command ?? "", input });
  else fleet.slips.push(...input.slips);
}

function isRight(fleet: Fleet, shape: object, value: unknown): boolean {
  const validate = ajv.compile(shape);
  if (validate(value)) return true;
  fleet.slips.push(ajv.errorsText(validate.errors));
  return false;
}

/** An answer of the stand-in itself, which must be as Orchard's. */
function checked<T>(fleet: Fleet, shape: object, value: T): T {
  isRight(fleet, shape, value);
  return value;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
