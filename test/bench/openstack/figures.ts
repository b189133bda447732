import { type Lab, type Pulse, pulseOf, storm } from "./lab.ts";

/** What a storm came to. Its times are the machine's. */
export type Figures = {
  machines: number;
  served: number;
  /** Things in the cloud that were not there before. */
  left: number;
  seconds: number;
  /** Calls to the cloud for each machine, by what they ask. */
  callsPerMachine: Record<string, number>;
  lists: number;
  passes: number;
  listsPerPass: number;
  /** The most at once: of all calls, and of orders. */
  peakCalls: number;
  peakOrders: number;
  /** Calls that the cloud answered with 400 or more. */
  refused: number;
  mayflyCpuSeconds: number;
  /** Of one processor, while the storm went on. */
  mayflyShare: number;
  /** Of the time in which Mayfly decided: whatever comes, is not seen meanwhile. */
  passShare: number;
  cloudCpuSeconds: number | undefined;
};

const LIST = "GET /servers/detail";
const ORDER = "POST /servers";

export async function measure(lab: Lab, machines: number, limitMs: number): Promise<Figures> {
  const { meter, sky, site } = lab;
  const before = await pulseOf(site);
  const skyBefore = sky.cpuSeconds();
  const callsBefore = meter.calls.length;
  const begunAt = performance.now();
  const left = await storm(lab, machines, limitMs);
  const seconds = (performance.now() - begunAt) / 1000;
  const after = await pulseOf(site);
  const skyAfter = sky.cpuSeconds();
  const calls = meter.calls.slice(callsBefore);
  const lists = calls.filter(({ kind }) => kind === LIST).length;
  const passes = after.passes - before.passes;
  if (lab.guests.failures.length > 0) throw new Error(lab.guests.failures.join("\n"));
  return {
    machines,
    served: site.github.jobs(site.repo).filter(({ conclusion }) => conclusion === "success").length,
    left: left.length,
    seconds: round(seconds),
    callsPerMachine: perMachine(calls, machines),
    lists,
    passes,
    listsPerPass: round(lists / passes),
    peakCalls: meter.peak(),
    peakOrders: meter.peak(ORDER),
    refused: calls.filter(({ status }) => status >= 400).length,
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
  const counts = Map.groupBy(calls, ({ kind }) => kind);
  const all = [
    ["all", calls.length] as const,
    ...Array.from(counts, ([kind, some]) => [kind, some.length] as const),
  ];
  return Object.fromEntries(all.map(([kind, count]) => [kind, round(count / machines)]));
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
