import type { Annotation, CheckRun, Repo } from "./model.ts";
import { checkRunEventPayload } from "./payloads/checks.ts";
import { installationOf, OCTOCAT } from "./population.ts";
import { sendEvent } from "./webhooks.ts";
import { changed, type World } from "./world.ts";

/** Check runs that the App makes. */

export type CheckChange = {
  name?: string | undefined;
  status?: CheckRun["status"] | undefined;
  conclusion?: CheckRun["conclusion"];
  startedAt?: number | undefined;
  completedAt?: number | undefined;
  externalId?: string | undefined;
  detailsUrl?: string | undefined;
  output?:
    | {
        title?: string | undefined;
        summary?: string | undefined;
        text?: string | undefined;
        annotations: readonly Annotation[];
      }
    | undefined;
  actions?: CheckRun["actions"] | undefined;
};

/** Makes a check run. */
export function createCheckRun(
  world: World,
  repo: Repo,
  order: CheckChange & { name: string; headSha: string },
): CheckRun {
  const check: CheckRun = {
    id: world.newId("job"),
    repo,
    name: order.name,
    headSha: order.headSha,
    status: "queued",
    startedAt: Date.now(),
    externalId: "",
    detailsUrl: `${world.url}/apps/${world.app.slug}`,
    output: { title: null, summary: null, text: null, annotations: [] },
    actions: [],
    writes: 0,
  };
  world.checkRuns.set(check.id, check);
  change(check, order);
  tell(world, check, check.status === "completed" ? "completed" : "created");
  return check;
}

/**
 * Changes a check run: what is not given stays.
 * NB: a conclusion completes it. See: docs.github.com, REST "Update a check run", parameter `conclusion`.
 */
export function updateCheckRun(world: World, check: CheckRun, order: CheckChange): void {
  const wasOpen = check.status !== "completed";
  change(check, order);
  changed(world);
  if (wasOpen && check.status === "completed") tell(world, check, "completed");
}

/** Somebody clicks "re-run" on the check run. */
export function rerequestCheckRun(world: World, check: CheckRun, sender: string = OCTOCAT): void {
  tell(world, check, "rerequested", { sender });
}

/** Somebody clicks one of its buttons. Throws if it has none of that name: GitHub shows them after completion only. */
export function requestAction(
  world: World,
  check: CheckRun,
  identifier: string,
  sender: string = OCTOCAT,
): void {
  const offered =
    check.status === "completed" && check.actions.some((action) => action.identifier === identifier);
  if (!offered) throw new Error(`check run ${check.id} has no button ${identifier}`);
  tell(world, check, "requested_action", { sender, requested_action: { identifier } });
}

function change(check: CheckRun, order: CheckChange): void {
  check.writes += 1;
  check.name = order.name ?? check.name;
  check.externalId = order.externalId ?? check.externalId;
  check.detailsUrl = order.detailsUrl ?? check.detailsUrl;
  check.startedAt = order.startedAt ?? check.startedAt;
  check.actions = order.actions ?? check.actions;
  changeStatus(check, order);
  if (!order.output) return;
  check.output = {
    title: order.output.title ?? check.output.title,
    summary: order.output.summary ?? check.output.summary,
    text: order.output.text ?? check.output.text,
    annotations: [...check.output.annotations, ...order.output.annotations],
  };
}

function changeStatus(check: CheckRun, order: CheckChange): void {
  const status = order.conclusion ? "completed" : (order.status ?? check.status);
  if (status !== "completed") {
    check.conclusion = undefined;
    check.completedAt = undefined;
  } else {
    check.conclusion = order.conclusion ?? check.conclusion;
    check.completedAt = order.completedAt ?? check.completedAt ?? Date.now();
  }
  check.status = status;
}

type Click = { sender?: string; requested_action?: { identifier: string } };

function tell(
  world: World,
  check: CheckRun,
  action: string,
  { sender = OCTOCAT, ...more }: Click = {},
): void {
  changed(world);
  const installation = installationOf(world, check.repo);
  if (!installation) return;
  const payload = { check_run: checkRunEventPayload(world, check), ...more };
  sendEvent(world, { event: "check_run", action, installation, repo: check.repo, sender, payload });
}
