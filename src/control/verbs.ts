import type { Logger } from "pino";
import { ALL, type Fact } from "../core/facts.ts";
import { findRepository, nearestWord } from "../core/labels.ts";
import type { World } from "../core/world.ts";
import type { Clock, Ring, Store } from "../ports.ts";

/** What people tell the controller to do is the same on the command line and on a page. */
export type VerbParts = {
  store: Pick<Store, "record" | "state">;
  world: () => World;
  ring: Ring;
  clock: Clock;
  log: Logger;
};

const MINUTE_MS = 60_000;

/** Who asked at the command line, where nobody has a login. NB: no login has a space. */
export const AN_OPERATOR = "an operator";
/** For how many minutes a machine may be held. */
export const MOST_MINUTES = 24 * 60;

/** What was done, in a sentence, or why nothing was. The status is that of HTTP. */
export type Told = { status: 200 | 404 | 409; sentence: string };

const done = (sentence: string): Told => ({ status: 200, sentence });
const refused = (sentence: string): Told => ({ status: 409, sentence });
const notThere = (what: string, name: string, known: readonly string[]): Told => ({
  status: 404,
  sentence: unknownWords(what, name, known),
});

/** `by`: the person's login at GitHub, where it is known. */
export async function destroyMachine(name: string, by: string | undefined, parts: VerbParts): Promise<Told> {
  const { store, world, clock, log, ring } = parts;
  const machine = store.state.machines.get(name);
  if (!machine) return notThere("machine", name, [...store.state.machines.keys()]);
  if (machine.retired?.why === "operator" || machine.destroyedAt !== undefined)
    return refused(`Machine ${name} is leaving already, since it was retired as ${machine.retired?.why}.`);
  const at = clock.now();
  const retired: Fact = { kind: "machine-retired", at, machine: name, why: "operator", by };
  const isHostKnown = world().catalogue.hosts.some((host) => host.name === machine.host);
  // NB: there is no driver that could tell whether the VM is still there, so a person's word has to do.
  await store.record(isHostKnown ? [retired] : [retired, { kind: "vm-destroyed", at, machine: name }]);
  log.info({ machine: name, why: "operator", by }, "machine retired");
  ring();
  if (!isHostKnown) {
    return done(
      `Machine ${name} is taken off the books. Its host ${machine.host} is not in the catalogue any more, so look there yourself whether its VM is gone.`,
    );
  }
  return done(`Machine ${name} will be destroyed now, with whatever runs in it.`);
}

export type Drain = { host: string; drained: boolean };

export async function drainHost(
  { host, drained }: Drain,
  by: string | undefined,
  parts: VerbParts,
): Promise<Told> {
  const { store, world, clock, log, ring } = parts;
  const hosts = world().catalogue.hosts.map(({ name }) => name);
  if (!hosts.includes(host)) return notThere("host", host, hosts);
  await store.record([{ kind: "host-drained", at: clock.now(), host, drained, by }]);
  log.info({ host, drained, by }, "host drained or opened");
  ring();
  if (!drained) return done(`Host ${host} takes machines again.`);
  const working = [...store.state.machines.values()].filter(
    (machine) => machine.host === host && machine.configuredAt !== undefined && !machine.retired,
  );
  return done(
    `Host ${host} gets no more machines. ${working.length === 0 ? "No job runs on it." : `Machines at work on it, which may end: ${working.length}.`}`,
  );
}

export type Hold = { machine: string; minutes: number };

/** Its VM stays, whatever becomes of the machine, so that somebody can look into it. No minutes: not any more. */
export async function holdMachine(
  { machine: name, minutes }: Hold,
  by: string,
  parts: VerbParts,
): Promise<Told> {
  const { store, clock, log, ring } = parts;
  const machine = store.state.machines.get(name);
  if (!machine) return notThere("machine", name, [...store.state.machines.keys()]);
  if (machine.retired?.why === "operator" || machine.destroyedAt !== undefined)
    return refused(`Machine ${name} cannot be held any more: its VM is gone, or an operator destroyed it.`);
  const until = clock.now() + minutes * MINUTE_MS;
  await store.record([{ kind: "machine-held", at: clock.now(), machine: name, until, by }]);
  log.info({ machine: name, until: new Date(until).toISOString(), by }, "machine held");
  ring();
  if (minutes === 0) return done(`Machine ${name} is not held any more.`);
  return done(
    `The VM of ${name} is not destroyed before ${new Date(until).toISOString().slice(11, 16)} (UTC), whatever becomes of it. It may power itself off; its disk stays. It takes its place on ${machine.host} as long.`,
  );
}

export type Pause = { repo: string; paused: boolean };

/** No machine is ordered for a repository (`ALL`: for any) until it is resumed. */
export async function pauseOrders({ repo, paused }: Pause, by: string, parts: VerbParts): Promise<Told> {
  const { store, world, clock, log, ring } = parts;
  const served = findRepository(repo, world().catalogue)?.name;
  const name = repo === ALL ? ALL : served;
  if (name === undefined)
    return notThere(
      "repository",
      repo,
      world().catalogue.repositories.map((one) => one.name),
    );
  await store.record([{ kind: "orders-paused", at: clock.now(), repo: name, paused, by }]);
  log.info({ repo: name, paused, by }, "orders paused or resumed");
  ring();
  const what = name === ALL ? "any repository" : name;
  if (!paused) return done(`Machines are ordered for ${what} again, where nothing else is paused.`);
  return done(
    `No more machines are ordered for ${what}. Jobs wait and say why; what runs or is on its way goes on.`,
  );
}

/** Machines are made for the job again, as if it had just come. */
export async function retryJob(id: number, by: string, parts: VerbParts): Promise<Told> {
  const { store, clock, log, ring } = parts;
  const job = store.state.jobs.get(id);
  if (!job) return { status: 404, sentence: `Job ${id} is not open.` };
  if (job.gaveUpAt === undefined || job.status !== "queued")
    return refused(`Job ${id} need not be tried again: it was not given up.`);
  await store.record([{ kind: "job-retried", at: clock.now(), job: id, by }]);
  log.info({ job: id, by }, "retry");
  ring();
  return done(`Job ${id} is tried again from the beginning.`);
}

/** Says that there is no such thing, and which there are. */
export function unknownWords(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestWord(name, known);
  const hint = nearest
    ? ` Perhaps ${nearest} was meant.`
    : known.length === 0
      ? " There is none at all."
      : ` There are ${known.join(", ")}.`;
  return `There is no ${what} named ${name}.${hint}`;
}
