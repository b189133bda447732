import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import type { Logger } from "pino";
import { z } from "zod";
import { answerWhy } from "./control/answer.ts";
import { type Outside, overviewOf } from "./control/overview.ts";
import type { Fact } from "./core/facts.ts";
import { nearestWord } from "./core/labels.ts";
import type { World } from "./core/world.ts";
import { type Clock, type RelayHealth, type Ring, SetupError, type Standing, type Store } from "./ports.ts";

export type ControlParts = {
  /** Path of the Unix socket. Its folder belongs to us alone. */
  path: string;
  store: Pick<Store, "record" | "history" | "state">;
  world: () => World;
  /** How the relay is, if there is one. */
  relay?: (() => RelayHealth) | undefined;
  /** How the installations stand with GitHub's limits. */
  standing: () => Standing[];
  /** Ids of webhooks that failed every try. */
  setAside: () => readonly string[];
  ring: Ring;
  clock: Clock;
  log: Logger;
};

/** See: unix(7). `sun_path` has 108 bytes on Linux and 104 on macOS, with the zero at its end. */
const LONGEST_PATH = 103;

/**
 * Answers the command line on a Unix socket that only our own user can open. Throws `SetupError` when its path is too long.
 * NB: the store's lock says that nobody else is there, so a socket that lies around is a dead one's.
 */
export async function startControl(parts: ControlParts): Promise<{ close(): Promise<void> }> {
  const { path } = parts;
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new SetupError(
      `The path ${path} is too long for a socket, which may have ${LONGEST_PATH} bytes. Choose a shorter "data" in mayfly.yml.`,
    );
  }
  await rm(path, { force: true });
  const server = createAdaptorServer({ fetch: controlRoutes(parts).fetch });
  server.listen({ path });
  await once(server, "listening");
  await chmod(path, 0o600);
  return {
    close: async () => {
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const drainBody = z.object({ drained: z.boolean() });

function controlRoutes(parts: ControlParts): Hono {
  const { store, world } = parts;
  const routes = new Hono();
  routes.get("/ps", (c) => c.json(overviewOf(world(), outside(parts))));
  routes.get("/why/:job{[0-9]{1,16}}", async (c) => {
    const id = Number(c.req.param("job"));
    const answer = answerWhy(id, world(), await store.history({ job: id }));
    return answer ? c.json(answer) : refuse(c, 404, unknownJob(id, world()));
  });
  routes.post("/machines/:name/destroy", (c) => destroyMachine(c, parts));
  routes.post("/hosts/:name/drain", (c) => drainHost(c, parts));
  routes.notFound((c) =>
    refuse(c, 404, "The controller does not know this command; perhaps it is older than you."),
  );
  routes.onError((err, c) => {
    parts.log.error({ err }, "command failed");
    return refuse(c, 500, `The controller failed: ${err.message}. Its log says more.`);
  });
  return routes;
}

const outside = ({ relay, standing, setAside }: ControlParts): Outside => ({
  relay: relay?.(),
  installations: standing(),
  setAside: setAside().length,
});

/** What was done, in a sentence; or why nothing was. */
const done = (c: Context, sentence: string) => c.json({ sentence });
const refuse = (c: Context, status: 400 | 404 | 409 | 500, sentence: string) => c.json({ sentence }, status);

function unknownJob(id: number, { catalogue }: World): string {
  const served = catalogue.repositories.map(({ name }) => name).join(", ");
  return `Nothing is known of job ${id}. Either GitHub has not told of it yet (lost webhooks are made up for within a few minutes), or its repository is not served, or it is too old. Served are ${served}.`;
}

async function destroyMachine(
  c: Context,
  { store, world, clock, log, ring }: ControlParts,
): Promise<Response> {
  const name = c.req.param("name") ?? "";
  const machine = store.state.machines.get(name);
  if (!machine) return refuse(c, 404, unknown("machine", name, [...store.state.machines.keys()]));
  if (machine.retired?.why === "operator" || machine.destroyedAt !== undefined) {
    return refuse(
      c,
      409,
      `Machine ${name} is leaving already, since it was retired as ${machine.retired?.why}.`,
    );
  }
  const at = clock.now();
  const retired: Fact = { kind: "machine-retired", at, machine: name, why: "operator" };
  const isHostKnown = world().catalogue.hosts.some((host) => host.name === machine.host);
  // NB: there is no driver that could tell whether the VM is still there, so a person's word has to do.
  await store.record(isHostKnown ? [retired] : [retired, { kind: "vm-destroyed", at, machine: name }]);
  log.info({ machine: name, why: "operator" }, "machine retired");
  ring();
  if (!isHostKnown) {
    return done(
      c,
      `Machine ${name} is taken off the books. Its host ${machine.host} is not in the catalogue any more, so look there yourself whether its VM is gone.`,
    );
  }
  return done(c, `Machine ${name} will be destroyed now, with whatever runs in it.`);
}

async function drainHost(c: Context, { store, world, clock, log, ring }: ControlParts): Promise<Response> {
  const name = c.req.param("name") ?? "";
  const body = drainBody.safeParse(await c.req.json().catch(() => undefined));
  if (!body.success) return refuse(c, 400, 'The body must be {"drained": true} or {"drained": false}.');
  const { drained } = body.data;
  const hosts = world().catalogue.hosts.map((host) => host.name);
  if (!hosts.includes(name)) return refuse(c, 404, unknown("host", name, hosts));
  await store.record([{ kind: "host-drained", at: clock.now(), host: name, drained }]);
  log.info({ host: name, drained }, "host drained or opened");
  ring();
  if (!drained) return done(c, `Host ${name} takes machines again.`);
  const working = [...store.state.machines.values()].filter(
    (machine) => machine.host === name && machine.configuredAt !== undefined && !machine.retired,
  );
  return done(
    c,
    `Host ${name} gets no more machines. ${working.length === 0 ? "No job runs on it." : `Machines at work on it, which may end: ${working.length}.`} Open it again with: mayfly drain ${name} --off`,
  );
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestWord(name, known);
  const hint = nearest
    ? ` Perhaps ${nearest} was meant.`
    : known.length === 0
      ? " There is none at all."
      : ` There are ${known.join(", ")}.`;
  return `There is no ${what} named ${name}.${hint}`;
}
