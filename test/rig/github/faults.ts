/**
 * What can be made to go wrong. All of it is plain data, so that another process can set it over HTTP.
 * Shares are probabilities from 0 (never) to 1 (always), drawn from the emulator's own seeded generator.
 */
export type Faults = {
  webhooks: WebhookFaults;
  /** Tried in order; the first that fits an operation and still has uses left is applied. */
  answers: AnswerFault[];
  /** Share of the entries of lists (runners, jobs, runs, deliveries, …) that are left out of an answer. */
  listDrop: number;
  /** Hands queued jobs and idle runners that fit to each other at random instead of oldest first. */
  randomHandout: boolean;
};

export type WebhookFaults = {
  /** Share that never reaches the receiver, though GitHub notes a 200: what a relay does to them. */
  lose: number;
  /** Share that GitHub never makes; not in the delivery log either. See: actions-runner-controller issue 2788. */
  forget: number;
  /** Share that is sent twice under one GUID. */
  double: number;
  /** Each webhook is held back by a random time up to this, which shuffles them. */
  delayMs: number;
  /** So many webhooks are collected and then sent last first. 0 and 1: off. */
  reorder: number;
};

export type AnswerFault = {
  /** GitHub's name of the operation (`actions/generate-runner-jitconfig-for-repo`), or `*`. */
  operation: string;
  /** Status to answer instead. Without it the answer is only late. */
  status?: number | undefined;
  /** Seconds, sent as `retry-after`. */
  retryAfter?: number | undefined;
  message?: string | undefined;
  /** Wait so long before anything is done. */
  delayMs?: number | undefined;
  /** The operation is done, and only its answer is replaced: a lost answer. See: runs-on issue 546. */
  afterEffect?: boolean | undefined;
  /** The connection is cut without an answer. */
  cut?: boolean | undefined;
  share?: number | undefined;
  /** Uses left; none: without end. */
  times?: number | undefined;
};

export const noFaults = (): Faults => ({
  webhooks: { lose: 0, forget: 0, double: 0, delayMs: 0, reorder: 0 },
  answers: [],
  listDrop: 0,
  randomHandout: false,
});

/** The fault to apply to a call of this operation, if any; its uses are counted down. */
export function takeAnswerFault(
  faults: Faults,
  operation: string,
  random: () => number,
): AnswerFault | undefined {
  const fits = (fault: AnswerFault) =>
    (fault.operation === "*" || fault.operation === operation) &&
    fault.times !== 0 &&
    (fault.share === undefined || random() < fault.share);
  const fault = faults.answers.find(fits);
  if (fault?.times !== undefined) fault.times -= 1;
  return fault;
}
