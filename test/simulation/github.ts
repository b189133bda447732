import { APPROVE, isLastDigest } from "../../src/core/report.ts";
import type { JobSeen } from "../../src/core/types.ts";
import { type GitHub, GitHubUnavailable, type RunnerSeen } from "../../src/ports.ts";
import type { PlannedJob } from "./scenario.ts";
import { callOver, REPOS, type Sim } from "./sim.ts";

export type SimJob = {
  seen: JobSeen;
  runMs: number;
  isFork: boolean;
  runnerId?: number | undefined;
  /** GitHub gave it to a runner that has not taken it yet. */
  isAssigned: boolean;
};

export type SimRunner = {
  id: number;
  name: string;
  repo: string;
  labels: readonly string[];
  isOnline: boolean;
  isGone: boolean;
  job?: SimJob | undefined;
  onJob: (job: SimJob) => void;
  onCancel: () => void;
  onGone: () => void;
};

export type SimCheck = {
  id: number;
  job: number;
  digest: string;
  digests: string[];
  isCompleted: boolean;
  /** It has the button Approve. */
  canApprove: boolean;
};

/** GitHub as Mayfly sees it: jobs, runners, check runs, and webhooks that may be lost, doubled, late and out of order. */
export type SimGitHub = {
  port: GitHub;
  jobs: Map<number, SimJob>;
  runners: Map<number, SimRunner>;
  checks: Map<number, SimCheck>;
  /** Repositories that have removed the App just now. */
  removed: Set<string>;
  queue: (order: Pick<PlannedJob, "repo" | "runMs" | "isFork"> & { labels: readonly string[] }) => SimJob;
  /** Runs a job again that has ended, as the next attempt of its run. */
  rerun: (job: SimJob) => void;
  /** A person lets this attempt of the job's run go. */
  approve: (job: SimJob, attempt: number) => void;
  /** It is no fork's, or forks are allowed there, or somebody approved it. */
  mayRun: (job: SimJob) => boolean;
  cancel: (job: SimJob, conclusion?: string) => void;
  hold: (job: SimJob, forMs: number) => void;
  /** The guest's runner connects. False: its registration is gone. */
  connect: (id: number, on: Pick<SimRunner, "onJob" | "onCancel" | "onGone">) => boolean;
  accept: (runner: SimRunner, job: SimJob) => void;
  finish: (runner: SimRunner, conclusion: string) => void;
  /** The runner's machine is gone. */
  disconnect: (id: number) => void;
};

export type SimController = {
  deliver: (job: JobSeen) => void;
  /** It knows that the job waits. */
  knows: (job: number) => boolean;
};

export function simGitHub(sim: Sim, { deliver, knows }: SimController): SimGitHub {
  const { clock, dice, scenario } = sim;
  const jobs = new Map<number, SimJob>();
  const runners = new Map<number, SimRunner>();
  const checks = new Map<number, SimCheck>();
  const removed = new Set<string>();
  const approved = new Set<string>();
  let nextId = 100;
  const newId = () => (nextId += 1);

  function send(job: SimJob): void {
    const payload = { ...job.seen };
    if (removed.has(payload.repo)) return;
    if (sim.fault("webhookLost")) return sim.tell(`webhook lost: job ${payload.id} ${payload.status}`);
    const copies = sim.fault("webhookDoubled") ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const lateMs = dice.between(20, 300) + dice.next() * scenario.faults.webhookLateMs;
      clock.at(clock.now() + lateMs, () => deliver(payload));
    }
  }

  function change(job: SimJob, news: Partial<JobSeen>): void {
    job.seen = { ...job.seen, ...news };
    sim.tell(
      `github: job ${job.seen.id} ${job.seen.status} ${job.seen.conclusion ?? ""} ${job.seen.ranOn ?? ""}`,
    );
    send(job);
  }

  const queue: SimGitHub["queue"] = ({ repo, labels, runMs, isFork = false }) => {
    const id = newId();
    const seen: JobSeen = {
      id,
      repo: REPOS[repo] ?? REPOS[0],
      installation: 1,
      runId: id,
      attempt: 1,
      name: `job ${id}`,
      workflow: "test",
      labels,
      headSha: "0".repeat(40),
      url: "https://github.invalid",
      isPublic: scenario.isPublic,
      status: "queued",
      queuedAt: clock.now(),
    };
    return begin({ seen, runMs, isFork, isAssigned: false });
  };

  function begin(job: SimJob): SimJob {
    jobs.set(job.seen.id, job);
    change(job, {});
    clock.at(clock.now() + dice.between(100, 1000), handOut);
    return job;
  }

  function rerun({ seen, runMs, isFork }: SimJob): void {
    const again = { ...seen, id: newId(), attempt: seen.attempt + 1, queuedAt: clock.now() };
    const isRunAgain = [...jobs.values()].some(
      (other) => other.seen.runId === seen.runId && other.seen.attempt === again.attempt,
    );
    if (isRunAgain) return;
    const fresh = { status: "queued" as const, conclusion: undefined, doneAt: undefined };
    begin({ seen: { ...again, ...fresh }, runMs, isFork, isAssigned: false });
  }

  function mayRun({ isFork, seen }: SimJob): boolean {
    if (!isFork) return true;
    return seen.repo === REPOS[0] ? approved.has(`${seen.runId}/${seen.attempt}`) : !scenario.isPublic;
  }

  /** NB: what GitHub has queued and not told yet nobody can heed. */
  function checkQueue(repo: string, labels: readonly string[]): void {
    for (const job of jobs.values()) {
      const { seen } = job;
      const isLurking = seen.repo === repo && seen.status === "queued" && !job.isAssigned && !mayRun(job);
      if (isLurking && knows(seen.id) && seen.labels.every((label) => labels.includes(label)))
        sim.violations.push(`a runner was asked for while job ${seen.id} waits, which may not have it`);
    }
  }

  const isFree = (runner: SimRunner) => runner.isOnline && !runner.isGone && !runner.job;
  const fits = (job: SimJob, runner: SimRunner) =>
    runner.repo === job.seen.repo && job.seen.labels.every((label) => runner.labels.includes(label));

  /** Any fitting runner gets a waiting job; what it does not take within a minute goes back. */
  function handOut(): void {
    for (const job of jobs.values()) {
      if (job.seen.status !== "queued" || job.isAssigned) continue;
      const fitting = [...runners.values()].filter((runner) => isFree(runner) && fits(job, runner));
      const runner = scenario.randomHandOut ? dice.pick(fitting) : fitting[0];
      if (!runner) continue;
      job.isAssigned = true;
      runner.job = job;
      clock.at(clock.now() + dice.between(50, 500), () => runner.job === job && runner.onJob(job));
      clock.at(clock.now() + 60_000, () => giveBack(job, runner));
    }
  }

  function giveBack(job: SimJob, runner: SimRunner): void {
    if (job.seen.status !== "queued" || runner.job !== job) return;
    runner.job = undefined;
    job.isAssigned = false;
    handOut();
  }

  function drop(runner: SimRunner): void {
    runner.isGone = true;
    runners.delete(runner.id);
    runner.onGone();
  }

  function finish(runner: SimRunner, conclusion: string): void {
    const { job } = runner;
    runner.job = undefined;
    drop(runner);
    if (job && job.seen.status !== "done") change(job, { status: "done", conclusion, doneAt: clock.now() });
  }

  /** An environment asks for approval, and gets it. See: runs-on/runs-on 539. */
  function hold(job: SimJob, forMs: number): void {
    if (job.seen.status !== "queued" || job.isAssigned) return;
    change(job, { status: "waiting" });
    clock.at(clock.now() + forMs, () => {
      if (job.seen.status !== "waiting") return;
      change(job, { status: "queued" });
      clock.at(clock.now() + dice.between(100, 1000), handOut);
    });
  }

  function cancel(job: SimJob, conclusion = "cancelled"): void {
    if (job.seen.status === "done") return;
    const runner = [...runners.values()].find((candidate) => candidate.job === job);
    if (job.seen.status === "running") return runner?.onCancel();
    if (runner) runner.job = undefined;
    change(job, { status: "done", conclusion, doneAt: clock.now() });
  }

  /** GitHub notices after some minutes that a runner is gone, and fails its job. */
  function disconnect(id: number): void {
    const runner = runners.get(id);
    if (!runner) return;
    runner.isOnline = false;
    runner.onJob = () => {};
    runner.onCancel = () => {};
    clock.at(clock.now() + dice.between(2, 8) * 60_000, () => {
      if (runner.job?.seen.status === "running") finish(runner, "failure");
    });
  }

  function register(name: string, repo: string, labels: readonly string[]) {
    if ([...runners.values()].some((runner) => runner.name === name)) return "taken" as const;
    const id = newId();
    const noop = () => {};
    runners.set(id, {
      id,
      name,
      repo,
      labels,
      isOnline: false,
      isGone: false,
      onJob: noop,
      onCancel: noop,
      onGone: noop,
    });
    return { registration: "jit" as const, runnerId: id, jit: `secret of ${id}` };
  }

  function remove(id: number): "removed" | "busy" {
    const runner = runners.get(id);
    if (!runner) return "removed";
    if (runner.job) return "busy";
    drop(runner);
    handOut();
    return "removed";
  }

  const listed = <T>(things: T[]): T[] => things.filter(() => !sim.fault("listLacks"));

  const seenRunner = (runner: SimRunner): RunnerSeen => ({
    id: runner.id,
    name: runner.name,
    state: runner.job ? "busy" : runner.isOnline ? "idle" : "offline",
  });

  /** NB: GitHub answers nothing about a repository that has removed the App. */
  const inRepo = <T>(repo: string, signal: AbortSignal, work: () => T): Promise<T> =>
    callOver(sim, signal, () => {
      if (removed.has(repo)) throw new GitHubUnavailable(`the App is not installed on ${repo}`);
      return work();
    });

  const port: GitHub = {
    installed: (_owners, signal) => callOver(sim, signal, () => REPOS.filter((repo) => !removed.has(repo))),
    isInstalled: (repo, signal) => callOver(sim, signal, () => !removed.has(repo)),
    runners: (repo, signal) =>
      inRepo(repo, signal, () =>
        listed([...runners.values()].filter((runner) => runner.repo === repo).map(seenRunner)),
      ),
    register: ({ name: repo }, name, labels, signal) => {
      checkQueue(repo, labels);
      return inRepo(repo, signal, () => register(name, repo, labels));
    },
    remove: (repo, id, signal) => inRepo(repo, signal, () => remove(id)),
    job: (repo, id, signal) => inRepo(repo, signal, () => jobs.get(id)?.seen ?? "gone"),
    openJobs: (repo, signal) =>
      inRepo(repo, signal, () =>
        listed(
          [...jobs.values()]
            .map(({ seen }) => seen)
            .filter((seen) => seen.repo === repo && seen.status !== "done"),
        ),
      ),
    run: (repo, id, signal) =>
      inRepo(repo, signal, () => {
        const job = [...jobs.values()].findLast(({ seen }) => seen.runId === id);
        if (!job) return "gone";
        const head = job.isFork ? "stranger/fork" : repo;
        const { isPublic } = scenario;
        return { id, attempt: job.seen.attempt, repo, head, event: "pull_request", isPublic };
      }),
    cancelRun: (repo, runId, _isForced, signal) =>
      inRepo(repo, signal, () => {
        for (const job of jobs.values()) if (job.seen.runId === runId) cancel(job);
      }),
    rerunJob: async () => "refused",
    rerunRun: async () => "refused",
    mayWrite: async () => true,
    administers: async () => true,
    isMember: async () => true,
    publish: (job, { digest, status, actions }, known, signal) =>
      inRepo(job.repo, signal, () => {
        const found =
          known === "find" ? [...checks.values()].find((check) => check.job === job.id)?.id : undefined;
        const id = typeof known === "number" ? known : (found ?? newId());
        const digests = [...(checks.get(id)?.digests ?? []), digest];
        const before = checks.get(id)?.digest ?? "";
        if (isLastDigest(before) && before !== digest)
          sim.violations.push(`check run of job ${job.id} changed after its end`);
        const canApprove = actions.some(({ identifier }) => identifier === APPROVE);
        const isCompleted = status === "completed";
        checks.set(id, { id, job: job.id, digest, digests, isCompleted, canApprove });
        sim.tell(`github: check of job ${job.id} says ${digest}`);
        return id;
      }),
    openChecks: (_repo, _since, signal) =>
      callOver(sim, signal, () => [...checks.values()].filter(({ isCompleted }) => !isCompleted)),
    closeCheck: (_repo, id, _words, signal) =>
      callOver(sim, signal, () => {
        const check = checks.get(id);
        if (check) checks.set(id, { ...check, isCompleted: true });
      }),
    deliveries: (_since, signal) => callOver(sim, signal, () => ({ at: clock.now(), entries: [] })),
    delivery: (_id, signal) => callOver(sim, signal, () => "gone" as const),
  };

  return {
    port,
    removed,
    jobs,
    runners,
    checks,
    queue,
    rerun,
    approve: ({ seen }, attempt) => void approved.add(`${seen.runId}/${attempt}`),
    mayRun,
    cancel,
    hold,
    connect: (id, on) => {
      const runner = runners.get(id);
      if (!runner) return false;
      Object.assign(runner, on, { isOnline: true });
      clock.at(clock.now() + dice.between(100, 2000), handOut);
      return true;
    },
    accept: (runner, job) => {
      job.isAssigned = false;
      job.runnerId = runner.id;
      change(job, { status: "running", startedAt: clock.now(), ranOn: runner.name });
    },
    finish,
    disconnect,
  };
}
