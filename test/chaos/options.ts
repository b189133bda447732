import { parseArgs } from "node:util";

export type Options = {
  driver: "fake" | "vagrant";
  /** Everything that is left to chance follows from it. */
  seed: number;
  /** How long there is trouble. */
  minutes: number;
  jobs: number;
  kills: number;
  /** How often each other trouble comes, and how long each lasts, at most. */
  rounds: number;
  troubleMs: number;
  /** How long the relay is cut. */
  cutMs: number;
  /** Jobs that are cancelled while they wait, and times that a job comes while the controller is down, to be measured. */
  measures: number;
};

export const USAGE = `usage: npm run chaos -- [options]

  --short                 about three minutes, a few of each trouble
  --driver vagrant|fake   real VMs (the default), or processes in their place
  --seed N                the same troubles, as far as time allows (any)
  --minutes N             how long there is trouble (10; short: 1.5)
  --jobs N                (40; short: 8)
  --kills N               kill -9 of the controller (24; short: 4)`;

/** Throws a sentence if an option is not known, or none. */
export function readOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      driver: { type: "string", default: "vagrant" },
      seed: { type: "string" },
      minutes: { type: "string" },
      jobs: { type: "string" },
      kills: { type: "string" },
      short: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { driver, short } = values;
  if (driver !== "fake" && driver !== "vagrant") throw new Error(`there is no driver ${driver}`);
  return {
    driver,
    seed: number("seed", values.seed, Date.now() % 1_000_000),
    minutes: number("minutes", values.minutes, short ? 1.5 : 10),
    jobs: number("jobs", values.jobs, short ? 8 : 40),
    kills: number("kills", values.kills, short ? 4 : 24),
    rounds: short ? 1 : 2,
    troubleMs: short ? 10_000 : 25_000,
    cutMs: short ? 30_000 : 120_000,
    measures: short ? 2 : 5,
  };
}

function number(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} wants a number, and got ${text}`);
  return value;
}
