/** What the ring needs of the outside: each adapter implements one of these, and sees no other adapter. */
import type { Fact, SettingsFact, State } from "./core/facts.ts";
import type { Capacity } from "./core/host-room.ts";
import type { CheckRun } from "./core/report.ts";
import type {
  Host,
  Image,
  Job,
  JobSeen,
  Machine,
  MachineName,
  RepoName,
  Repository,
  RunnerState,
  RunSeen,
  VmState,
} from "./core/types.ts";
import type { CloudImages } from "./ports/cloud-images.ts";

/** Thrown when something in the set-up is wrong. The message says what to do; the command ends with exit code 2. */
export class SetupError extends Error {
  override name = "SetupError";
}

/**
 * Thrown by a driver when its host takes no order just now: a quota is used up, no hypervisor has what it takes, or it does not
 * answer. That is no failure of the machine, so the job waits. WARN: nothing may be left of the order, since nobody asks the driver
 * to remove it. The message is the host's own reason. `retryAt`: not before then, if the host says so. `isOfImage`: it has not what
 * machines of this image need, and others may still be ordered there.
 */
export class NoRoom extends Error {
  override name = "NoRoom";
  readonly retryAt: number | undefined;
  readonly isOfImage: boolean;
  constructor(message: string, options?: ErrorOptions & { retryAt?: number | undefined; isOfImage?: true }) {
    super(message, options);
    this.retryAt = options?.retryAt;
    this.isOfImage = options?.isOfImage ?? false;
  }
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

/** `repo`: whose job it is for. `cloudImage`: id of the cloud image to take. Left out: the current one. */
export type StartOrder = {
  name: MachineName;
  repo: RepoName;
  host: Host;
  image: Image;
  cloudImage?: string | undefined;
  seed: Seed;
};

/** `text`: the host's own words for one that is broken. `isNoRoom`: it is, since the host had no room for it. */
export type VmSeen = {
  name: MachineName;
  state: Exclude<VmState, "none">;
  text?: string | undefined;
  isNoRoom?: boolean | undefined;
  /** Id of the cloud image that it was made from, where there is one. */
  cloudImage?: string | undefined;
};

/** Makes and destroys the VMs of one host. */
export type Driver = {
  /** Every VM of our controller on the host, in any state. Throws if it could not ask; an empty list means there are none. */
  list(signal: AbortSignal): Promise<VmSeen[]>;
  /**
   * Orders a VM. Resolves when the order is accepted, not when the VM is up. Never called twice for a name. Throws `NoRoom` if the host
   * does not take it just now.
   */
  start(order: StartOrder, signal: AbortSignal): Promise<void>;
  /** Removes the VM and all that was made with it. Removing what is not there succeeds. */
  destroy(name: MachineName, signal: AbortSignal): Promise<void>;
  /**
   * Tries to remove the machine's seed where its VM could still read it. Asked for when its guest has read it, and before there is a job
   * in the VM. If it fails, the job runs all the same. Left out: guests put their seeds away themselves.
   */
  dropSeed?(name: MachineName, signal: AbortSignal): Promise<void>;
  /** What the host has room for, where something besides the catalogue limits it, such as a quota. Left out: nothing does. */
  capacity?(signal: AbortSignal): Promise<Capacity>;
  /** Where VMs are made from cloud images: which there are, and which is used. */
  cloudImages?: CloudImages;
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

/** One try to deliver a webhook, as GitHub's delivery log of the App shows it. A redelivery has the GUID of the first try. */
export type DeliveryEntry = {
  /** A number, too large for one of JavaScript's. */
  id: string;
  guid: string;
  event: string;
  action: string | undefined;
  at: number;
};

/** A check run of ours that is not completed. `job`: what it is about. */
export type OpenCheck = { id: number; job: number };

/** GitHub, for the repositories that installed the app. All verbs throw `GitHubUnavailable` when GitHub could not be asked. */
export type GitHub = {
  /**
   * Names of the repositories of these owners, or of all, that have the app installed, and not suspended. NB: some may be lacking, since an
   * installation could not be asked.
   */
  installed(owners: readonly string[] | "all", signal: AbortSignal): Promise<RepoName[]>;
  /** The same of one repository: for one that the list lacks, which may be a slip of the list, or a repository that was renamed. */
  isInstalled(repo: RepoName, signal: AbortSignal): Promise<boolean>;
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
  /**
   * Jobs that are queued, waiting or running now. A run that GitHub does not give the jobs of is left out. `found` may hear of
   * some before the rest is read: a limit may come in between, and then the call throws.
   */
  openJobs(
    repo: RepoName,
    signal: AbortSignal,
    found?: (some: readonly JobSeen[]) => Promise<void>,
  ): Promise<JobSeen[]>;
  /** A run, at its newest attempt. `gone`: GitHub has no such run, or no such repository any more. */
  run(repo: RepoName, id: number, signal: AbortSignal): Promise<RunSeen | "gone">;
  /**
   * Asks GitHub to cancel a run, with all of its jobs. One that is over counts as cancelled. `isForced`: also what is to run always.
   * NB: that GitHub has taken it does not say that it helps.
   */
  cancelRun(repo: RepoName, runId: number, isForced: boolean, signal: AbortSignal): Promise<void>;
  /** Asks GitHub to run a job that has ended again, as a job of another id. `refused`: GitHub does not do it, for instance since it was done already. */
  rerunJob(repo: RepoName, id: number, signal: AbortSignal): Promise<"queued" | "refused">;
  /** Asks GitHub to run those jobs of a run again that did not go well, as a new attempt. `refused`: GitHub does not, for instance since it is not over. */
  rerunRun(repo: RepoName, id: number, signal: AbortSignal): Promise<"queued" | "refused">;
  /** May this person write to the repository? */
  mayWrite(repo: RepoName, login: string, signal: AbortSignal): Promise<boolean>;
  /** Is this person an administrator of the repository? */
  administers(repo: RepoName, login: string, signal: AbortSignal): Promise<boolean>;
  /** Is this person in a team of the organisation that owns the repository? */
  isMember(repo: RepoName, team: string, login: string, signal: AbortSignal): Promise<boolean>;
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
  /** Check runs of ours that are not completed, on the commits of the newest runs since then. */
  openChecks(repo: RepoName, since: number, signal: AbortSignal): Promise<OpenCheck[]>;
  /** Completes a check run as neutral. One that is not there any more counts as closed. */
  closeCheck(
    repo: RepoName,
    check: number,
    words: { title: string; summary: string },
    signal: AbortSignal,
  ): Promise<void>;
  /** Entries of the App's delivery log that are not older than `since`, and what GitHub's own clock says. */
  deliveries(since: number, signal: AbortSignal): Promise<{ at: number; entries: DeliveryEntry[] }>;
  /** The webhook that an entry of the delivery log is about. `gone`: GitHub does not have it any more. */
  delivery(id: string, signal: AbortSignal): Promise<Omit<Delivery, "receivedAt"> | "gone">;
};

/** Somebody who signed in. `repositories`: those with the App in which they were given a right to look at least. */
export type Person = { login: string; repositories: readonly RepoName[] };

/** Signing in with an account of GitHub. */
export type SignIn = {
  /** Where a browser is sent. `challenge`: the S256 of the verifier. See: RFC 7636. */
  address(order: { state: string; challenge: string; callback: string }): string;
  /**
   * Redeems the code that a browser came back with. The person's token is used here, and neither kept nor handed on.
   * `refused`: the code is none, or not good any more. Throws `GitHubUnavailable` when GitHub could not be asked.
   */
  person(
    order: { code: string; verifier: string; callback: string },
    signal: AbortSignal,
  ): Promise<Person | "refused">;
};

/** How an installation of the App stands with GitHub's limits, as far as GitHub's answers told since the start of the process. */
export type Standing = {
  installation: number;
  repositories: readonly RepoName[];
  /** GitHub refuses all its calls until then. */
  limitedUntil?: number | undefined;
  /** Calls of this hour: those left, of how many, and when the next hour begins. */
  calls?: { left: number; limit?: number | undefined; resetAt: number } | undefined;
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

/** Jobs and machines that are over, and facts that are about no one job or machine. */
export type Lately = { jobs: Job[]; machines: Machine[]; rest: Fact[] };
export type ClosedJob = Job & { closedAt: number };
export type PastMachine = Machine & { forgottenAt: number };

export type Store = {
  /** What is open now; a live view, changed only by `record`. */
  readonly state: State;
  /** Appends facts in one transaction. They are durable when it resolves, and then part of `state`. */
  record(facts: readonly Fact[]): Promise<void>;
  /** All facts about one job or machine, oldest first, also long after it was closed. */
  history(about: { job: number } | { machine: MachineName }): Promise<Fact[]>;
  /** What was changed in a repository's settings, so many at most, the newest first. Kept for ever. */
  settingsHistory(repo: RepoName, most: number): Promise<SettingsFact[]>;
  /** A job or a machine as it was last known, also long after it was closed. */
  findJob(id: number): Promise<Job | undefined>;
  findMachine(name: MachineName): Promise<Machine | undefined>;
  /** What was over last, so many of each at most, the newest first. */
  lately(most: number): Promise<Lately>;
  /**
   * Jobs that were closed from `since` on, newest first, also those that were none of ours; `most` at a time. `before`: only those that
   * come behind the job of that id that was closed then. NB: of a job whose end was the first that was heard of it nothing is kept.
   */
  closedJobs(which: {
    since: number;
    repo?: RepoName | undefined;
    before?: { closedAt: number; id: number } | undefined;
    most: number;
  }): Promise<ClosedJob[]>;
  /** Machines that were forgotten from `since` on, oldest first, `most` at a time. `after`: only those that come behind that one. */
  pastMachines(which: {
    since: number;
    after?: { forgottenAt: number; name: MachineName } | undefined;
    most: number;
  }): Promise<PastMachine[]>;
  /** Keeps a webhook. Durable when it resolves. `known`: its id was there already. */
  keep(delivery: Delivery): Promise<"new" | "known">;
  /** Which of these webhooks are kept, by their ids. */
  known(ids: readonly string[]): Promise<Set<string>>;
  /** Up to which time, of GitHub's clock, the delivery log has been read. `undefined`: never. */
  logPosition(): Promise<number | undefined>;
  moveLogPosition(to: number): Promise<void>;
  /** Webhooks kept and not yet turned into facts, oldest first. All of them, if not said otherwise: there may be thousands. */
  unread(which?: { except?: readonly string[]; most?: number }): Promise<Delivery[]>;
  /** Marks a webhook as turned into facts. */
  markRead(id: string): Promise<void>;
  /**
   * Deletes facts and webhooks that are older than `facts`, closed jobs and forgotten machines that are older than `rows`. What is open
   * keeps its whole history; jobs that were none of ours go with the facts.
   */
  prune(before: { facts: number; rows: number }): Promise<void>;
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
