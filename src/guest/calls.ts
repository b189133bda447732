import { z } from "zod";
import type { Fact } from "../core/facts.ts";
import { OS_NAMES } from "../core/systems.ts";
import type { MachineName } from "../core/types.ts";
import type { Registration } from "../ports.ts";
import { cleanText } from "./text.ts";

/** The guest's calls, as guest/contract.md has them. Fields that a later guest may add are passed over. */

const word = z
  .string()
  .max(64)
  .regex(/^[\w.+-]+$/);
const said = z.string().max(8000).optional();

export const claimCall = z.object({
  machine: word,
  os: z.enum(OS_NAMES),
  arch: word,
  guestVersion: word,
  runnerVersion: word,
});

export const reportCall = z.discriminatedUnion("stage", [
  z.object({ stage: z.enum(["booted", "runner-started", "working"]), text: said }),
  z.object({
    stage: z.literal("ended"),
    exitCode: z
      .int()
      .min(-(2 ** 31))
      .max(2 ** 32),
    ranJob: z.boolean(),
    text: said,
  }),
  z.object({
    stage: z.literal("failed"),
    exitCode: z
      .int()
      .min(-(2 ** 31))
      .max(2 ** 32)
      .optional(),
    text: said,
  }),
]);

export type Report = z.infer<typeof reportCall>;

/** What is shown of a text that a guest sends with a report: guests may be hostile, and check runs have room for little. */
const TEXT_CHARACTERS = 1000;
/** What is kept of a guest's log. */
const LOG_CHARACTERS = 16 * 1024;

/** The facts that a report tells. */
export function factsOfReport(machine: MachineName, report: Report, at: number): Fact[] {
  const text = cleanText(report.text ?? "").slice(0, TEXT_CHARACTERS);
  switch (report.stage) {
    case "booted":
    case "runner-started":
      return [{ kind: "guest-stage", machine, stage: report.stage, text, at }];
    case "working":
      return [{ kind: "guest-working", machine, at }];
    case "ended":
      return [
        {
          kind: "guest-ended",
          machine,
          outcome: { exitCode: report.exitCode, ranJob: report.ranJob, text },
          at,
        },
      ];
    case "failed":
      return [
        { kind: "guest-stage", machine, stage: "failed", text, at },
        {
          kind: "guest-ended",
          machine,
          outcome: { exitCode: report.exitCode ?? 1, ranJob: false, text },
          at,
        },
      ];
  }
}

/** The fact that a log tells. */
export const factOfLog = (machine: MachineName, log: string, at: number): Fact => ({
  kind: "guest-log",
  machine,
  text: cleanText(log).slice(-LOG_CHARACTERS),
  at,
});

/** What a guest is answered. NB: the runner's id is the controller's own affair. */
export function answerOf(registration: Registration): object {
  if (registration.registration === "jit") return { registration: "jit", jit: registration.jit };
  return registration;
}
