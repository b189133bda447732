/** The nouns of the emulated GitHub. Times are epoch milliseconds. */

export type Level = "read" | "write" | "admin";
/** A GitHub App's permissions: which of them an operation needs is in rest/permissions.ts. */
export type Permissions = Readonly<Record<string, Level>>;

export type Account = { id: number; login: string; kind: "Organization" | "User" };

export type Repo = {
  id: number;
  owner: Account;
  name: string;
  fullName: string;
  private: boolean;
  createdAt: number;
  /** Rights by login. */
  collaborators: Map<string, "admin" | "write" | "read">;
  defaultBranch: string;
  /** Commits by branch, oldest first. */
  branches: Map<string, Commit[]>;
};

/** What is at a path. */
export type Entry = { kind: "file"; bytes: Buffer } | { kind: "symlink"; target: string };

/** `changes`: by path what it put there; null: it took it away. */
export type Commit = {
  sha: string;
  message: string;
  author: string;
  at: number;
  changes: ReadonlyMap<string, Entry | null>;
};

export type Installation = {
  id: number;
  account: Account;
  repos: Set<Repo>;
  permissions: Permissions;
  createdAt: number;
  updatedAt: number;
  suspendedAt?: number | undefined;
};

export type Run = {
  id: number;
  repo: Repo;
  number: number;
  name: string;
  event: string;
  headSha: string;
  headBranch: string;
  /** `owner/name` of the repository the commit comes from; another one than `repo` for a fork's pull request. Null: it was deleted. */
  headRepository: string | null;
  actor: string;
  attempt: number;
  createdAt: number;
  attemptedAt: number;
  updatedAt: number;
};

export type Conclusion = "success" | "failure" | "cancelled" | "skipped";

export type Job = {
  id: number;
  run: Run;
  attempt: number;
  name: string;
  labels: readonly string[];
  /** What the stand-in runner runs, with these variables. */
  script: string;
  env: Readonly<Record<string, string>>;
  /** Name of the environment that asks for approval. */
  environment?: string | undefined;
  status: "queued" | "waiting" | "in_progress" | "completed";
  conclusion?: Conclusion | undefined;
  createdAt: number;
  startedAt?: number | undefined;
  completedAt?: number | undefined;
  /** Set while it is offered to a runner, and from the moment that runner took it. */
  runner?: { id: number; name: string } | undefined;
  cancelRequested: boolean;
  log: string;
};

export type Runner = {
  id: number;
  repo: Repo;
  name: string;
  labels: readonly string[];
  ephemeral: boolean;
  /** Shared with the runner program only. */
  clientId: string;
  registeredAt: number;
  lastContactAt: number;
  session?: { id: string; version: string } | undefined;
  /** The job it was offered or runs. */
  job?: Job | undefined;
  /** An ephemeral runner gets one job in its life. */
  ranJob: boolean;
  /** It let an offered job go by; it gets the next one only after it asked again. */
  missedOffer: boolean;
  /** Calls of its program that are open right now. */
  openCalls: number;
  /** Ends an open wait for a message. */
  wake?: (() => void) | undefined;
  cancelTimer: () => void;
};

export type CheckOutput = {
  title: string | null;
  summary: string | null;
  text: string | null;
  annotations: readonly Annotation[];
};

export type Annotation = { path: string; line: number; level: string; message: string };

export type CheckRun = {
  id: number;
  repo: Repo;
  name: string;
  headSha: string;
  status: "queued" | "in_progress" | "completed";
  conclusion?:
    | "action_required"
    | "cancelled"
    | "failure"
    | "neutral"
    | "success"
    | "skipped"
    | "timed_out"
    | undefined;
  startedAt: number;
  completedAt?: number | undefined;
  externalId: string;
  detailsUrl: string;
  output: CheckOutput;
  actions: readonly { label: string; description: string; identifier: string }[];
  /** Times it was written, the creation included. */
  writes: number;
};

/** One try to deliver a webhook, as the App's delivery log shows it. */
export type Delivery = {
  id: number;
  guid: string;
  event: string;
  action: string | null;
  installationId: number | null;
  repositoryId: number | null;
  deliveredAt: number;
  redelivery: boolean;
  durationMs: number;
  /** `pending` until the answer is known; such an entry is not in the log yet. */
  status: string;
  statusCode: number;
  request: { headers: Record<string, string>; body: string };
  response: { headers: Record<string, string>; body: string };
};

export type Call = {
  method: string;
  path: string;
  /** GitHub's name of the operation; none for a path it does not have. */
  operation?: string | undefined;
  /** The body sent, for calls that have one. */
  body?: unknown;
  status: number;
  at: number;
};

/** GitHub's secondary limits, of one installation. Numbers: see REAL_LIMITS in rest/limits.ts. */
export type Limits = {
  /** A GET is 1, anything else 5. */
  pointsAMinute: number;
  /** Calls under way at the same time. */
  atOnce: number;
  contentAMinute: number;
  contentAnHour: number;
  /** Of one repository. */
  registrationsInFiveMinutes: number;
  /** How long all calls of an installation that went over one of these are refused. */
  penaltySeconds: number;
  /** How many times faster than the machine's GitHub's clock goes, by which limits and headers are: 20 makes an hour of 3 minutes. */
  scale: number;
};

/** NB: GitHub also limits "for undisclosed reasons". See: docs.github.com, "Rate limits for the REST API". */
export type LimitName = Exclude<keyof Limits, "penaltySeconds" | "scale"> | "undisclosed";

/** A call that a secondary limit refused. `again`: another had been refused before, and said how long to wait. */
export type LimitRefusal = {
  at: number;
  installation: number;
  limit: LimitName;
  operation: string;
  again: boolean;
};

/** How long GitHub waits for what, in milliseconds. Tests shorten them. */
export type Times = {
  /** A runner that was offered a job takes it within this time, or the job goes back to the queue. */
  giveBackMs: number;
  /** An idle runner that says nothing for so long is offline. */
  idleSilentMs: number;
  /** A busy runner that says nothing for so long has lost its job. */
  busySilentMs: number;
  /** A runner that does not end a cancelled job in this time loses it. */
  cancelMs: number;
  ephemeralRunnerMs: number;
  otherRunnerMs: number;
  queueMs: number;
  webhookTimeoutMs: number;
  installationTokenMs: number;
  registrationTokenMs: number;
  /** From the person's consent to the token. */
  signInCodeMs: number;
  userTokenMs: number;
  /** From the making of an App to the handing out of its key. */
  manifestCodeMs: number;
};

/**
 * See: docs.github.com, "Self-hosted runners reference" (60 s routing, 1 and 14 days, 24 h in the queue), "Best practices for using
 * webhooks" (10 s), "Generating an installation access token" (1 h), REST "Create a registration token" (1 h),
 * "Canceling a workflow" (5 minutes), "Generating a user access token for a GitHub App" (10 minutes, 8 h),
 * "Registering a GitHub App from a manifest" (1 h). The two silences are not documented: guesses.
 */
export const GITHUB_TIMES: Times = {
  giveBackMs: 60_000,
  idleSilentMs: 120_000,
  busySilentMs: 600_000,
  cancelMs: 300_000,
  ephemeralRunnerMs: 86_400_000,
  otherRunnerMs: 14 * 86_400_000,
  queueMs: 86_400_000,
  webhookTimeoutMs: 10_000,
  installationTokenMs: 3_600_000,
  registrationTokenMs: 3_600_000,
  signInCodeMs: 600_000,
  userTokenMs: 28_800_000,
  manifestCodeMs: 3_600_000,
};
