import { jobsOf, type Lab, type Pulse, pulseOf, storm } from "./lab.ts";

/** What a storm came to. Its times are the machine's. */
export type Figures = {
  machines: number;
  served: number;
  /** Things in the cloud that were not there before. */
  left: number;
  /** From the jobs' queueing to the last order, and to the end of all. */
  orderedSeconds: number;
  seconds: number;
  /** Calls to the cloud for each machine, by what they ask. */
  callsPerMachine: Record<string, number>;
  lists: number;
  passes: number;
  listsPerPass: number;
  /** The most calls at once: of all, and of each kind. */
  peaks: Record<string, number>;
  /** Calls that the cloud answered with 400 or more, by what they asked and the answer. */
  refused: Record<string, number>;
  mayflyCpuSeconds: number;
  /** Of one processor, while the storm went on. */
  mayflyShare: number;
  /** Of the time in which Mayfly decided: whatever comes, is not seen meanwhile. */
  passShare: number;
  cloudCpuSeconds: number | undefined;
};

const ORDER = "POST /servers";
const LIST = "GET /servers/detail";

export async function measure(lab: Lab, machines: number, limitMs: number): Promise<Figures> {
  const { meter, sky, site } = lab;
  const before = await pulseOf(site);
  const skyBefore = sky.cpuSeconds();
  const callsBefore = meter.calls.length;
  const begunAt = Date.now();
  const left = await storm(lab, machines, limitMs);
  const seconds = (Date.now() - begunAt) / 1000;
  const after = await pulseOf(site);
  const skyAfter = sky.cpuSeconds();
  const calls = meter.calls.slice(callsBefore);
  const lists = calls.filter(({ kind }) => kind === LIST).length;
  const passes = after.passes - before.passes;
  if (lab.guests.failures.length > 0) throw new Error(lab.guests.failures.join("\n"));
  return {
    machines,
    served: jobsOf(site).filter(({ conclusion }) => conclusion === "success").length,
    left: left.length,
    orderedSeconds: (lastOf(calls, ORDER) - begunAt) / 1000,
    seconds,
    callsPerMachine: perMachine(calls, machines),
    lists,
    passes,
    listsPerPass: round(lists / passes),
    peaks: meter.peaks(),
    refused: refusals(calls),
    ...shares(before, after, seconds),
    cloudCpuSeconds:
      skyBefore === undefined || skyAfter === undefined ? undefined : round(skyAfter - skyBefore),
  };
}

function shares(before: Pulse, after: Pulse, seconds: number) {
  const used = after.cpuSeconds - before.cpuSeconds;
  return {
    mayflyCpuSeconds: round(used),
    mayflyShare: round(used / seconds),
    passShare: round((after.passSeconds - before.passSeconds) / seconds),
  };
}

function perMachine(calls: Lab["meter"]["calls"], machines: number): Record<string, number> {
  const counts = { all: calls.length, ...countsOf(calls.map(({ kind }) => kind)) };
  return Object.fromEntries(Object.entries(counts).map(([kind, count]) => [kind, round(count / machines)]));
}

const lastOf = (calls: Lab["meter"]["calls"], wanted: string): number =>
  Math.max(...calls.filter(({ kind }) => kind === wanted).map(({ at, ms }) => at + ms));

const refusals = (calls: Lab["meter"]["calls"]): Record<string, number> =>
  countsOf(calls.filter(({ status }) => status >= 400).map(({ kind, status }) => `${kind}: ${status}`));

const countsOf = (words: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    Array.from(
      Map.groupBy(words, (word) => word),
      ([word, some]) => [word, some.length],
    ),
  );

const round = (value: number): number => Math.round(value * 1000) / 1000;
