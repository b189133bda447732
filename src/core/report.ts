import { LONG_BOOT_MS } from "./patience.ts";
import type { Kept, Story } from "./story.ts";
import { evidenceText, type SummaryContext, summaryOf } from "./summary.ts";
import { isMachineFault, titleOf, wasGivenUp } from "./title.ts";
import type { Job, Machine } from "./types.ts";

/** What a check run says. It is a projection of the facts: nothing else in the code updates a check run. */
export type CheckRun = {
  /** Changes when, and only when, there is something new that is worth a write at GitHub. */
  digest: string;
  name: string;
  status: "queued" | "in_progress" | "completed";
  conclusion?: Conclusion | undefined;
  startedAt?: number | undefined;
  completedAt?: number | undefined;
  title: string;
  /** Markdown. GitHub allows 65,535 characters in each of both. See: docs.github.com, REST, "Create a check run". */
  summary: string;
  text?: string | undefined;
  /** Buttons, which GitHub shows once the check run is completed. */
  actions: readonly CheckAction[];
};

/** At most 20, 40 and 20 characters. See: docs.github.com, REST, "Create a check run", `actions`. */
export type CheckAction = { label: string; description: string; identifier: string };

/** What the buttons send. See: app.ts. */
export const RETRY = "retry";
export const APPROVE = "approve";
export const HOLD_NEXT = "hold-next";
const APPROVE_FORK = { label: "Approve", description: "Let this commit of a fork run", identifier: APPROVE };
const RETRY_WAITING = { label: "Retry", description: "Make machines for this job again", identifier: RETRY };
const RETRY_ENDED = { label: "Retry", description: "Run this job again", identifier: RETRY };

const HOLD = {
  label: "Hold next",
  description: "Keep the next machine that fails, 30 min",
  identifier: HOLD_NEXT,
};

export type Conclusion = "success" | "failure" | "neutral" | "cancelled" | "action_required";

/**
 * Names the stage that a check run is to show. At most four differ for a job that goes well: waiting, booting, running, done; or
 * booting, late, running, done. `isDue`: whether a time has come, and if not, it is to be asked again then.
 * NB: it never goes back from booting to waiting, when another job takes a machine on its way.
 */
export function digestOf(job: Job, story: Story, isDue: (at: number) => boolean): string {
  switch (story.is) {
    case "held":
    case "looked-at":
      return toldBooting(job) ?? `waiting/${job.tries}`;
    case "waiting":
      // NB: a machine that was on its way may have found no room, which costs no try.
      if (story.blocked?.why === "hosts-refuse" || story.blocked?.why === "image-refused")
        return `waiting/${job.tries}/no-room`;
      return toldBooting(job) ?? `waiting/${job.tries}`;
    case "booting":
      return bootingDigest(job, story.machine, isDue);
    case "running":
      return "running";
    case "given-up":
    case "refused":
    case "unapproved":
    case "unserved":
    case "no-access":
      return story.is;
    case "done":
      return `done/${job.conclusion ?? "unknown"}`;
  }
}

/** What its check run says of the machine on its way, at this try. */
function toldBooting({ check, tries }: Job): string | undefined {
  const isTold = check?.digest === `booting/${tries}` || check?.digest.startsWith(`booting/${tries}/`);
  return isTold ? check?.digest : undefined;
}

/**
 * A title that counts the seconds would cost a call for each look, and a job that goes well has six: its registration, a look at its
 * runner, and four writes. So the time in it is as of the last write. A boot that is long is written once more, if nothing had to be
 * written before it.
 */
function bootingDigest(job: Job, machine: Machine | undefined, isDue: (at: number) => boolean): string {
  const first = `booting/${job.tries}`;
  const told = toldBooting(job);
  if (told === undefined) return job.check ? `${first}/after` : first;
  if (told !== first || machine?.startedAt === undefined || machine.askedAt !== undefined) return told;
  return isDue(machine.startedAt + LONG_BOOT_MS) ? `${first}/late` : told;
}

/**
 * How much a check run is worth at this stage, 0 most, when GitHub does not take all: one that is open must end, and a failure be seen;
 * that a job waits, or that its machine boots still, need not be told.
 */
export function worthOf(job: Job, story: Story): number {
  switch (story.is) {
    case "given-up":
    case "unapproved":
      return 0;
    case "done":
    case "refused":
    case "unserved":
    case "no-access":
      return job.check || (story.is === "done" && conclusionOf(job) === "failure") ? 0 : 1;
    case "running":
      return 2;
    case "booting":
      return toldBooting(job) === undefined ? 3 : 4;
    case "waiting":
    case "looked-at":
    case "held":
      return 4;
  }
}

export const isLastDigest = (digest: string): boolean => digest.startsWith("done/");

export type ReportContext = SummaryContext & { digest: string };

/** What the check run of a job says at this stage. */
export function report(job: Job, story: Story, context: ReportContext): CheckRun {
  const { digest, now } = context;
  const base = { digest, name: `Mayfly: ${job.name}`, text: evidenceText(job, context), actions: [] };
  const summary = summaryOf(job, story, context);
  const title = titleOf(job, story, context);
  switch (story.is) {
    case "held":
    case "looked-at":
    case "waiting":
    case "booting":
      return { ...base, status: "queued", title, summary };
    case "running":
      return { ...base, status: "in_progress", startedAt: job.startedAt, title, summary };
    case "given-up":
      return {
        ...base,
        status: "completed",
        conclusion: "failure",
        completedAt: job.gaveUpAt ?? now,
        title,
        summary,
        actions: [RETRY_WAITING, ...holdOf(job)],
      };
    case "refused":
    case "unapproved":
      return { ...base, ...keptOut(story), completedAt: now, title, summary };
    case "unserved":
    case "no-access":
      return { ...base, status: "completed", conclusion: "neutral", completedAt: now, title, summary };
    case "done":
      return {
        ...base,
        status: "completed",
        conclusion: conclusionOf(job),
        startedAt: job.startedAt,
        completedAt: job.doneAt ?? now,
        title,
        summary,
        actions: [...(conclusionOf(job) === "failure" ? [RETRY_ENDED] : []), ...holdOf(job)],
        ...(story.kept ? keptOut(story.kept) : {}),
      };
  }
}

/** NB: also of a job that went well in the end: what failed before may fail again. */
const holdOf = ({ failure }: Job): CheckAction[] => (failure ? [HOLD] : []);

/** NB: a job that is refused is nobody's fault and holds up no merge; one that waits for a person has to be seen. */
const keptOut = ({ is }: Kept) =>
  is === "unapproved"
    ? { status: "completed" as const, conclusion: "action_required" as const, actions: [APPROVE_FORK] }
    : { status: "completed" as const, conclusion: "neutral" as const, actions: [] };

/** NB: it says how Mayfly did, not how the job did: a job that fails by itself has its own red mark. */
function conclusionOf(job: Job): Conclusion {
  if (job.conclusion === "success") return "success";
  if (isMachineFault(job) || wasGivenUp(job)) return "failure";
  return job.conclusion === "cancelled" ? "cancelled" : "neutral";
}
