import { z } from "zod";
import type { JobSeen } from "../core/types.ts";
import type { GitHub } from "../ports.ts";
import { allPages, ask, type Client, type InRepo } from "./client.ts";
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

/** The jobs part of the port. */
export function jobVerbs(client: Client): Pick<GitHub, "job" | "openJobs" | "rerunJob"> {
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
    openJobs: (repo, signal) =>
      client.inRepo(repo, signal, async (place) => {
        const jobs = await openJobs(place);
        const where = { repo, installation: place.installation };
        return jobs.map(({ raw, isPublic }): JobSeen => jobSeen(raw, { ...where, isPublic }));
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

/** NB: a run keeps its status until its last job has ended, so jobs that are done are among those read. */
async function openJobs(place: InRepo): Promise<OpenJob[]> {
  const runs = await openRuns(place);
  const open: OpenJob[] = [];
  for (let first = 0; first < runs.length; first += AT_ONCE) {
    const some = await Promise.all(runs.slice(first, first + AT_ONCE).map((run) => jobsOf(place, run)));
    open.push(...some.flat().filter(({ raw }) => raw.status !== "completed"));
  }
  return open;
}

type OpenRun = { id: number; isPublic: boolean };
type OpenJob = { raw: RawJob; isPublic: boolean };

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
    }),
  );
  return jobs.map((raw) => ({ raw, isPublic }));
}
