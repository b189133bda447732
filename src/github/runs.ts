import { z } from "zod";
import type { RunSeen } from "../core/types.ts";
import type { GitHub } from "../ports.ts";
import { ask, type Client } from "./client.ts";

/** NB: GitHub's description has a head repository always; its answers have null for one that was deleted. */
const runShape = z.object({
  id: z.int(),
  run_attempt: z.int().nullish(),
  event: z.string(),
  repository: z.object({ full_name: z.string(), private: z.boolean() }),
  head_repository: z.object({ full_name: z.string() }).nullish(),
});

/** The runs part of the port. */
export function runVerbs(client: Client): Pick<GitHub, "run" | "cancelRun" | "rerunRun"> {
  return {
    run: (repo, id, signal) =>
      client.inRepo(repo, signal, ({ rest, at }) =>
        ask({
          send: () => rest.actions.getWorkflowRun({ ...at, run_id: id, exclude_pull_requests: true }),
          shape: runShape.transform(runSeen),
          expect: { 404: "gone", 410: "gone" },
        } as const),
      ),
    cancelRun: (repo, id, isForced, signal) =>
      client.inRepo(repo, signal, async ({ rest, at }) => {
        const run = { ...at, run_id: id };
        await ask({
          send: () =>
            isForced ? rest.actions.forceCancelWorkflowRun(run) : rest.actions.cancelWorkflowRun(run),
          shape: z.unknown(),
          expect: { 404: "over", 409: "over" },
        } as const);
      }),
    rerunRun: (repo, id, signal) =>
      client.inRepo(repo, signal, ({ rest, at }) =>
        ask({
          send: () => rest.actions.reRunWorkflowFailedJobs({ ...at, run_id: id }),
          shape: z.unknown().transform(() => "queued" as const),
          expect: { 403: "refused", 404: "refused", 409: "refused", 422: "refused" },
        } as const),
      ),
  };
}

const runSeen = (raw: z.infer<typeof runShape>): RunSeen => ({
  id: raw.id,
  attempt: raw.run_attempt ?? 1,
  repo: raw.repository.full_name,
  head: raw.head_repository?.full_name,
  event: raw.event,
  isPublic: !raw.repository.private,
});
