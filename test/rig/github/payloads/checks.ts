import type { CheckRun, Job } from "../model.ts";
import { isoTime, nodeId, type World } from "../world.ts";
import { jobPage } from "./actions.ts";
import { actionsAppPayload, appPayload } from "./people.ts";
import type { Schema } from "./schema.ts";

/** A check run that the App made. */
export function checkRunPayload(world: World, check: CheckRun): Schema<"check-run"> {
  const api = `${world.apiUrl}/repos/${check.repo.fullName}/check-runs/${check.id}`;
  return {
    id: check.id,
    name: check.name,
    node_id: nodeId("CR", check.id),
    head_sha: check.headSha,
    external_id: check.externalId,
    url: api,
    html_url: `${world.url}/${check.repo.fullName}/runs/${check.id}`,
    details_url: check.detailsUrl,
    status: check.status,
    conclusion: check.conclusion ?? null,
    started_at: isoTime(check.startedAt),
    completed_at: check.completedAt === undefined ? null : isoTime(check.completedAt),
    output: {
      title: check.output.title,
      summary: check.output.summary,
      text: check.output.text,
      annotations_count: check.output.annotations.length,
      annotations_url: `${api}/annotations`,
    },
    check_suite: { id: suiteId(world) },
    app: appPayload(world),
    pull_requests: [],
  };
}

/**
 * The check run that GitHub Actions keeps for each job; it bears the job's id.
 * See: `check_run_url` in the examples of `workflow_job` webhooks.
 */
export function jobCheckRunPayload(world: World, job: Job): Schema<"check-run"> {
  const api = `${world.apiUrl}/repos/${job.run.repo.fullName}/check-runs/${job.id}`;
  return {
    id: job.id,
    name: job.name,
    node_id: nodeId("CR", job.id),
    head_sha: job.run.headSha,
    external_id: "",
    url: api,
    html_url: jobPage(world, job),
    details_url: jobPage(world, job),
    status: job.status,
    conclusion: job.conclusion ?? null,
    started_at: isoTime(job.startedAt ?? job.createdAt),
    completed_at: job.completedAt === undefined ? null : isoTime(job.completedAt),
    output: {
      title: null,
      summary: null,
      text: null,
      annotations_count: 0,
      annotations_url: `${api}/annotations`,
    },
    check_suite: { id: job.run.id + 1_000_000 },
    app: actionsAppPayload(world),
    pull_requests: [],
  };
}

/** A check run as its webhooks carry it: the suite is told in full. */
export function checkRunEventPayload(world: World, check: CheckRun): Record<string, unknown> {
  const at = isoTime(check.startedAt);
  return {
    ...checkRunPayload(world, check),
    check_suite: {
      id: suiteId(world),
      node_id: nodeId("CS", suiteId(world)),
      head_branch: "main",
      head_sha: check.headSha,
      status: check.status === "queued" ? "queued" : check.status,
      conclusion: check.conclusion ?? null,
      url: `${world.apiUrl}/repos/${check.repo.fullName}/check-suites/${suiteId(world)}`,
      before: null,
      after: check.headSha,
      pull_requests: [],
      app: appPayload(world),
      created_at: at,
      updated_at: at,
    },
  };
}

/** NB: one suite for all; nothing here looks at suites. */
const suiteId = (world: World): number => world.app.id + 5_000_000;
