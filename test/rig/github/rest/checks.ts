import { type CheckChange, createCheckRun, rerequestCheckRun, updateCheckRun } from "../checks.ts";
import type { CheckRun, Job, Repo } from "../model.ts";
import { checkRunPayload, jobCheckRunPayload } from "../payloads/checks.ts";
import type { World } from "../world.ts";
import { notFound, refuse } from "./answer.ts";
import type { RepoCall, RepoHandlers } from "./handlers.ts";
import { pageOf } from "./pages.ts";

/** Check runs. NB: the jobs of GitHub Actions are check runs too, of another App; lists hold both. */
export const checks = {
  "checks/create": ({ world, repo, body }) => {
    const wrong = whatGitHubRefuses(body);
    if (wrong !== undefined) return refuse(422, wrong);
    const check = createCheckRun(world, repo, { ...changeOf(body), name: body.name, headSha: body.head_sha });
    return { status: 201, body: checkRunPayload(world, check) };
  },

  "checks/update": ({ world, repo, path, body }) => {
    const check = findCheck(world, repo, path.check_run_id);
    if (!check) return notFound();
    const wrong = whatGitHubRefuses(body);
    if (wrong !== undefined) return refuse(422, wrong);
    updateCheckRun(world, check, changeOf(body));
    return { status: 200, body: checkRunPayload(world, check) };
  },

  "checks/get": ({ world, repo, path }) => {
    const found = [...checkRunsOf(world, repo)].find((check) => check.id === path.check_run_id);
    return found ? { status: 200, body: payload(world, found) } : notFound();
  },

  "checks/list-for-ref": ({ world, repo, path, query, url }) => {
    const wanted = checkRunsOf(world, repo)
      .map((check) => payload(world, check))
      .filter((check) => check.head_sha === path.ref)
      .filter((check) => query.check_name === undefined || check.name === query.check_name)
      .filter((check) => query.status === undefined || check.status === query.status)
      .filter((check) => query.app_id === undefined || check.app?.id === query.app_id);
    const listed = query.filter === "all" ? wanted : latest(wanted);
    const { entries, headers } = pageOf(listed, query, url);
    return { status: 200, body: { total_count: listed.length, check_runs: entries }, headers };
  },

  "checks/rerequest-run": ({ world, repo, path }) => {
    const check = findCheck(world, repo, path.check_run_id);
    if (!check) return notFound();
    rerequestCheckRun(world, check);
    return { status: 201, body: {} };
  },
} satisfies RepoHandlers;

/** Of each App and name the last one. See: docs.github.com, REST, "List check runs for a Git reference". */
function latest<T extends ReturnType<typeof payload>>(checks: readonly T[]): T[] {
  const byName = new Map(checks.map((check) => [`${check.app?.id} ${check.name}`, check]));
  return [...byName.values()];
}

function checkRunsOf(world: World, repo: Repo): (CheckRun | Job)[] {
  const ours = [...world.checkRuns.values()].filter((check) => check.repo === repo);
  const jobs = [...world.jobs.values()].filter((job) => job.run.repo === repo);
  return [...ours, ...jobs];
}

const payload = (world: World, check: CheckRun | Job) =>
  "run" in check ? jobCheckRunPayload(world, check) : checkRunPayload(world, check);

/** NB: a check run of a job is GitHub Actions' own; no other App can change it. */
function findCheck(world: World, repo: Repo, id: number): CheckRun | undefined {
  const check = world.checkRuns.get(id);
  return check?.repo === repo ? check : undefined;
}

type Body = RepoCall<"checks/create">["body"] | RepoCall<"checks/update">["body"];

/**
 * What the schema lets pass and GitHub does not.
 * See: docs.github.com, REST "Create a check run": a completed one needs its conclusion, and only GitHub makes one stale.
 */
function whatGitHubRefuses(body: Body): string | undefined {
  if (body.status === "completed" && !body.conclusion) {
    return "Invalid request. A completed check run needs a conclusion.";
  }
  if (body.conclusion === "stale") return "Invalid request. Only GitHub can make a check run stale.";
  return undefined;
}

function changeOf(body: Body): CheckChange {
  const { output } = body;
  return {
    name: body.name,
    status: body.status as CheckRun["status"] | undefined,
    conclusion: body.conclusion as CheckRun["conclusion"],
    startedAt: timeOf(body.started_at),
    completedAt: timeOf(body.completed_at),
    externalId: body.external_id,
    detailsUrl: body.details_url,
    output: output && {
      title: output.title,
      summary: output.summary,
      text: output.text,
      annotations: (output.annotations ?? []).map(({ path, start_line, annotation_level, message }) => ({
        path,
        line: start_line,
        level: annotation_level,
        message,
      })),
    },
    actions: body.actions,
  };
}

const timeOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Date.parse(text);
