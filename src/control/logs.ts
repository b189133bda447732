import { type Phase, phaseOf } from "../core/explain.ts";
import type { Fact } from "../core/facts.ts";
import { parseName } from "../core/name.ts";
import { storiesOf } from "../core/plan.ts";
import type { Job, MachineName } from "../core/types.ts";
import { WHY_WORDS } from "../core/words.ts";
import type { World } from "../core/world.ts";
import type { Store } from "../ports.ts";
import { factWords } from "./answer.ts";

/** What is known of a machine's life, for `mayfly logs`. */
export type LogAnswer = {
  /** Which machine this is, or why there is none. */
  sentence: string;
  machine?: MachineName | undefined;
  /** Nothing will be added any more. */
  isOver: boolean;
  /** Each with its text, as far as it is known: what happened, then what Vagrant, the VM and the guest said. */
  parts: { name: string; text: string }[];
};

export type LogParts = {
  store: Pick<Store, "history">;
  world: () => World;
  /** What is there of a machine's logs now, by file name; or what was kept of them. */
  filesOf: (machine: { name: MachineName; host: string | undefined }) => Promise<Record<string, string>>;
};

/** What happened, as facts tell it. */
const STORY = "story";
/** In the order in which they begin. Others come behind. */
const ORDER: readonly string[] = ["vagrant.log", "console.log", "guest.log"];

/** The logs of a machine. Undefined: nothing is known of it. */
export async function answerMachineLogs(name: MachineName, parts: LogParts): Promise<LogAnswer | undefined> {
  const { catalogue, state } = parts.world();
  // NB: the name becomes a part of a path.
  if (parseName(catalogue.controller, name) === "not ours") return undefined;
  const facts = await parts.store.history({ machine: name });
  const machine = state.machines.get(name);
  if (!machine && facts.length === 0) return undefined;
  const born = facts.find((fact) => fact.kind === "machine-created" || fact.kind === "machine-adopted");
  const host = machine?.host ?? born?.host;
  const files = await parts.filesOf({ name, host: machine ? host : undefined });
  const said = facts.findLast((fact) => fact.kind === "guest-log")?.text ?? machine?.guestLog;
  return {
    sentence: sentenceOf(name, host, machine && phaseOf(machine), facts),
    machine: name,
    isOver: machine === undefined,
    parts: [
      { name: STORY, text: facts.map(storyLine).join("") },
      ...ordered(said === undefined ? files : { "guest.log": said, ...files }),
    ],
  };
}

/** The logs of the machine that runs a job, that ran it, that will most likely take it, or that failed last. Undefined: the job is not known. */
export async function answerJobLogs(id: number, parts: LogParts): Promise<LogAnswer | undefined> {
  const world = parts.world();
  const facts = await parts.store.history({ job: id });
  const job = world.state.jobs.get(id);
  if (!job && facts.length === 0) return undefined;
  const name = machineOf(job, facts, world);
  const isOver = job === undefined || job.status === "done";
  if (name === undefined) return { sentence: noneWords(id, isOver), isOver, parts: [] };
  const found = await answerMachineLogs(name, parts);
  // NB: a machine that failed may be over while its job waits for the next one.
  if (found) return { ...found, isOver: isOver && found.isOver };
  return { sentence: `Job ${id} ran on ${name}, which is none of Mayfly's machines.`, isOver, parts: [] };
}

function machineOf(job: Job | undefined, facts: readonly Fact[], world: World): MachineName | undefined {
  const last = facts.findLast((fact) => fact.kind === "job-seen" && fact.job.ranOn !== undefined);
  const ran = job?.ranOn ?? (last?.kind === "job-seen" ? last.job.ranOn : undefined);
  const coming = job && storiesOf(world)(job).machine?.name;
  const made = facts.findLast((fact) => fact.kind === "machine-created");
  return ran ?? coming ?? job?.failure?.machine ?? made?.machine;
}

const noneWords = (id: number, isOver: boolean): string =>
  isOver
    ? `No machine was made for job ${id}. mayfly why ${id} says what became of it.`
    : `No machine has been made for job ${id} yet. mayfly why ${id} says what it waits for.`;

function sentenceOf(
  name: MachineName,
  host: string | undefined,
  phase: Phase | undefined,
  facts: readonly Fact[],
): string {
  const retired = facts.findLast((fact) => fact.kind === "machine-retired");
  const why = retired ? ` ${WHY_WORDS[retired.why]}` : "";
  return `Machine ${name} on ${host ?? "a host that is not known"}: ${phase ?? "over"}.${why}`;
}

const storyLine = (fact: Fact): string => `${new Date(fact.at).toISOString()}  ${factWords(fact)}\n`;

function ordered(files: Readonly<Record<string, string>>): { name: string; text: string }[] {
  const rank = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.entries(files)
    .filter(([, text]) => text.trim() !== "")
    .toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([name, text]) => ({ name, text }));
}
