import type { Logger } from "pino";
import { z } from "zod";
import type { JobSeen, RepoName } from "../core/types.ts";
import type { GitHub } from "../ports.ts";
import { allPages, ask, type Client, type InRepo } from "./client.ts";
import { Refused, Unanswered } from "./errors.ts";
import { jobSeen, jobShape, type RawJob } from "./job-seen.ts";

/** Runs whose jobs are read at once. */
const AT_ONCE = 8;
const OPEN = ["queued", "in_progress", "waiting", "pending", "requested"] as const;

const runPage = z
  .object({
    workflow_runs: z.array(z.object({ id: z.int(), repository: z.object({ private: z.boolean() }) })),
  })
  .transform(({ workflow_runs }) => workflow_runs);
const jobPage = z.object({ jobs: z.array(jobShape) }).transform(({ jobs }) => jobs);
const NO_JOBS: RawJob[] = [];

/** The jobs part of the port. */
export function jobVerbs(client: Client): Pick<GitHub, "job" | "openJobs" | "rerunJob"> {
  /** By repository: the run that a limit kept from being read, so that the next look begins there. */
  const unread = new Map<RepoName, number>();
  return {
    job: (repo, id, signal) =>
      client.inRepo(repo, signal, async ({ rest, at, installation }) => {
        const raw = await ask({
          send: () => rest.actions.getJobForWorkflowRun({ ...at, job_id: id }),
          shape: jobShape,
          expect: { 404: "gone", 410: "gone" },
        } as const);
        return raw === "gone" ? raw : jobSeen(raw, { repo, installation });
      }),
    openJobs: (repo, signal, found = async () => {}) =>
      client.inRepo(repo, signal, async (place) => {
        const { installation } = place;
        const runs = beginningWith(unread.get(repo), await openRuns(place));
        const open: JobSeen[] = [];
        for (let first = 0; first < runs.length; first += AT_ONCE) {
          unread.set(repo, runs[first]?.id ?? 0);
          const some = await openJobsOf(place, runs.slice(first, first + AT_ONCE), client.log);
          const seen = some.map(({ raw, isPublic }) => jobSeen(raw, { repo, installation, isPublic }));
          await found(seen);
          open.push(...seen);
        }
        unread.delete(repo);
        return open;
      }),
    rerunJob: (repo, id, signal) =>
      client.inRepo(repo, signal, ({ rest, at }) =>
        ask({
          send: () => rest.actions.reRunJobForWorkflowRun({ ...at, job_id: id }),
          shape: z.unknown().transform(() => "queued" as const),
          expect: { 403: "refused", 404: "refused", 409: "refused", 422: "refused" },
        } as const),
      ),
  };
}

type OpenRun = { id: number; isPublic: boolean };
type OpenJob = { raw: RawJob; isPublic: boolean };

/** The same runs in the same circle. */
function beginningWith(id: number | undefined, runs: readonly OpenRun[]): OpenRun[] {
  const first = Math.max(
    runs.findIndex((run) => run.id === id),
    0,
  );
  return [...runs.slice(first), ...runs.slice(0, first)];
}

/**
 * A run that GitHub stumbles over does not hide the others: its jobs may still be looked up one by one.
 * NB: a run keeps its status until its last job has ended, so jobs that are done are among those read.
 */
async function openJobsOf(place: InRepo, runs: readonly OpenRun[], log: Logger): Promise<OpenJob[]> {
  const answers = await Promise.allSettled(runs.map((run) => jobsOf(place, run)));
  const open: OpenJob[] = [];
  for (const [index, answer] of answers.entries()) {
    if (answer.status === "fulfilled")
      open.push(...answer.value.filter(({ raw }) => raw.status !== "completed"));
    else if (!(answer.reason instanceof Refused || answer.reason instanceof Unanswered)) throw answer.reason;
    else log.warn({ run: runs[index]?.id, err: answer.reason }, "the jobs of a run could not be listed");
  }
  return open;
}

/** NB: the list of runs takes one status at a time. A run that moves on meanwhile may be in two answers, or in none till the next look. */
async function openRuns({ rest, at }: InRepo): Promise<OpenRun[]> {
  const lists = await Promise.all(
    OPEN.map((status) =>
      allPages((page) =>
        ask({ send: () => rest.actions.listWorkflowRunsForRepo({ ...at, status, ...page }), shape: runPage }),
      ),
    ),
  );
  const runs = lists.flat().map(({ id, repository }): OpenRun => ({ id, isPublic: !repository.private }));
  return [...new Map(runs.map((run) => [run.id, run])).values()];
}

async function jobsOf({ rest, at }: InRepo, { id, isPublic }: OpenRun): Promise<OpenJob[]> {
  const jobs = await allPages((page) =>
    ask({
      send: () => rest.actions.listJobsForWorkflowRun({ ...at, run_id: id, filter: "latest", ...page }),
      shape: jobPage,
      // NB: a run that was deleted meanwhile.
      expect: { 404: NO_JOBS },
    }),
  );
  return jobs.map((raw) => ({ raw, isPublic }));
}
