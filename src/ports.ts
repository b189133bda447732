/** What the ring needs of the outside: each adapter implements one of these, and sees no other adapter. */
import type { Fact, State } from "./core/facts.ts";
import type { CheckRun } from "./core/report.ts";
import type {
  Host,
  Image,
  JobSeen,
  MachineName,
  RepoName,
  Repository,
  RunnerState,
  VmState,
} from "./core/types.ts";

/** Thrown when something in the set-up is wrong. The message says what to do; the command ends with exit code 2. */
export class SetupError extends Error {
  override name = "SetupError";
}

/** What a machine is born with. It holds no GitHub credential. The same words as guest/contract.md. */
export type Seed = {
  machine: MachineName;
  /** Base address of the guest listener, https. */
  url: string;
  /** The listener's certificate authority, PEM. */
  ca: string;
  /** Good for one registration, and for reports. */
  token: string;
  /** After this many seconds the guest powers its VM off, whatever happens. */
  lifeSeconds: number;
};

export type StartOrder = { name: MachineName; host: Host; image: Image; seed: Seed };

export type VmSeen = { name: MachineName; state: Exclude<VmState, "none">; text?: string | undefined };

/** Makes and destroys the VMs of one host. */
export type Driver = {
  /** Every VM of our controller on the host, in any state. Throws if it could not ask; an empty list means there are none. */
  list(signal: AbortSignal): Promise<VmSeen[]>;
  /** Orders a VM. Resolves when the order is accepted, not when the VM is up. Never called twice for a name. */
  start(order: StartOrder, signal: AbortSignal): Promise<void>;
  /** Removes the VM and all that was made with it. Removing what is not there succeeds. */
  destroy(name: MachineName, signal: AbortSignal): Promise<void>;
  /** What is missing on this host, in sentences. Empty when all is well. */
  check(signal: AbortSignal): Promise<string[]>;
  /** What is known of a VM's life, by file name (`console.log`, `vagrant.log`). For the evidence of a failure. */
  evidence(name: MachineName, signal: AbortSignal): Promise<Record<string, string>>;
  /** Ends what the driver does, leaving VMs as they are, and in the making those that are made without us. */
  close(): Promise<void>;
};

export type RunnerSeen = { id: number; name: string; state: Exclude<RunnerState, "none" | "unknown"> };

/** What a guest needs to start its runner. Secret: never logged, never stored. */
export type Registration =
  | { registration: "jit"; runnerId: number; jit: string }
  | { registration: "token"; url: string; token: string; name: string; labels: readonly string[] };

/** Thrown when GitHub did not answer, or answered that it cannot just now. The next pass tries again, not before `retryAt`. */
export class GitHubUnavailable extends Error {
  override name = "GitHubUnavailable";
  readonly retryAt: number | undefined;
  constructor(message: string, options?: ErrorOptions & { retryAt?: number }) {
    super(message, options);
    this.retryAt = options?.retryAt;
  }
}

/** GitHub, for the repositories that installed the app. All verbs throw `GitHubUnavailable` when GitHub could not be asked. */
export type GitHub = {
  /** Names of the repositories that have the app installed. */
  installed(signal: AbortSignal): Promise<RepoName[]>;
  runners(repo: RepoName, signal: AbortSignal): Promise<RunnerSeen[]>;
  /** Registers a runner for one job. `taken`: GitHub already lists a runner of that name. */
  register(
    repository: Repository,
    name: MachineName,
    labels: readonly string[],
    signal: AbortSignal,
  ): Promise<Registration | "taken">;
  /** `busy`: GitHub refused, since a job runs in it. A runner that is not there counts as removed. */
  remove(repo: RepoName, runnerId: number, signal: AbortSignal): Promise<"removed" | "busy">;
  /** `gone`: GitHub has no such job, or no such repository any more. */
  job(repo: RepoName, id: number, signal: AbortSignal): Promise<JobSeen | "gone">;
  /** Jobs that are queued, waiting or running now. */
  openJobs(repo: RepoName, signal: AbortSignal): Promise<JobSeen[]>;
  /** Asks GitHub to cancel a run, with all of its jobs. One that is over counts as cancelled. */
  cancelRun(repo: RepoName, runId: number, signal: AbortSignal): Promise<void>;
  /** Asks GitHub to run a job that has ended again, as a job of another id. `refused`: GitHub does not do it, for instance since it was done already. */
  rerunJob(repo: RepoName, id: number, signal: AbortSignal): Promise<"queued" | "refused">;
  /** May this person write to the repository? */
  mayWrite(repo: RepoName, login: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Updates the check run `check`, or creates one. `find`: one may be there already, from a call whose answer was lost; it is
   * looked for by the job's id first. Answers its id.
   */
  publish(
    job: JobSeen,
    content: CheckRun,
    check: number | "new" | "find",
    signal: AbortSignal,
  ): Promise<number>;
};

/** The guests that are calling. */
export type Guests = {
  /** Whose claim is open right now. */
  polling(): ReadonlySet<MachineName>;
  /** The time of each guest's last call since the start of the process. */
  heardAt(name: MachineName): number | undefined;
  /** Answers an open claim. False: nobody is waiting for the answer. */
  answer(name: MachineName, registration: Registration): boolean;
};

/** A webhook, as it came. `payload`: the raw body. */
export type Delivery = { id: string; event: string; payload: string; receivedAt: number };

export type Store = {
  /** What is open now; a live view, changed only by `record`. */
  readonly state: State;
  /** Appends facts in one transaction. They are durable when it resolves, and then part of `state`. */
  record(facts: readonly Fact[]): Promise<void>;
  /** All facts about one job or machine, oldest first, also long after it was closed. */
  history(about: { job: number } | { machine: MachineName }): Promise<Fact[]>;
  /** Keeps a webhook. Durable when it resolves. `known`: its id was there already. */
  keep(delivery: Delivery): Promise<"new" | "known">;
  /** Webhooks kept and not yet turned into facts, oldest first. */
  unread(): Promise<Delivery[]>;
  /** Marks a webhook as turned into facts. */
  markRead(id: string): Promise<void>;
  /** Deletes history, closed jobs and webhooks older than `before`. */
  prune(before: number): Promise<void>;
  close(): Promise<void>;
};

export type Clock = {
  now(): number;
  /** Resolves at the time, or at once when the signal is aborted. */
  until(at: number, signal: AbortSignal): Promise<void>;
};

/** How the line to the relay is. Times are epoch milliseconds. */
export type RelayHealth = {
  /** The relay's host only: the rest of its address is a secret. */
  relay: string;
  isConnected: boolean;
  lastPingAt: number | undefined;
  lastEventAt: number | undefined;
  /** Messages that were not what GitHub had signed. */
  spoilt: number;
  /** How often the line was opened again. */
  restarts: number;
};

/** Tells the ring that something may have changed. Cheap; a hundred rings are one pass. */
export type Ring = () => void;
