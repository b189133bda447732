import { z } from "zod";
import type { GitHub, OpenCheck } from "../ports.ts";
import { allPages, ask, type Client, type InRepo, PER_PAGE } from "./client.ts";
import { jobOfCheck } from "./webhooks.ts";

const runPage = z
  .object({ workflow_runs: z.array(z.object({ head_sha: z.string(), created_at: z.iso.datetime() })) })
  .transform(({ workflow_runs }) => workflow_runs);
const checkPage = z
  .object({
    check_runs: z.array(
      z.object({
        id: z.int(),
        external_id: z.string().nullish(),
        status: z.string(),
        app: z.object({ id: z.int() }).nullish(),
      }),
    ),
  })
  .transform(({ check_runs }) => check_runs);

/** The part of the port for check runs that nobody writes to any more. */
export function openCheckVerbs(client: Client): Pick<GitHub, "openChecks" | "closeCheck"> {
  return {
    openChecks: (repo, since, signal) =>
      client.inRepo(repo, signal, async (place) => {
        const open: OpenCheck[] = [];
        for (const sha of await commitsSince(place, since)) {
          open.push(...(await openOn(place, sha, client.appId)));
        }
        return open;
      }),
    closeCheck: async (repo, check, output, signal) => {
      const end = { check_run_id: check, status: "completed", conclusion: "neutral", output } as const;
      await client.inRepo(repo, signal, ({ rest, at }) =>
        ask({
          send: () => rest.checks.update({ ...at, ...end }),
          shape: z.unknown(),
          expect: { 404: "gone" },
        }),
      );
    },
  };
}

/** Of the newest hundred runs, over or not. NB: GitHub lists check runs by commit only. */
async function commitsSince({ rest, at }: InRepo, since: number): Promise<Set<string>> {
  const runs = await ask({
    send: () => rest.actions.listWorkflowRunsForRepo({ ...at, per_page: PER_PAGE }),
    shape: runPage,
  });
  return new Set(runs.flatMap((run) => (Date.parse(run.created_at) >= since ? [run.head_sha] : [])));
}

/** NB: left to itself GitHub lists the latest of each name only, and a matrix may have several jobs of one name. */
async function openOn({ rest, at }: InRepo, ref: string, appId: number): Promise<OpenCheck[]> {
  const checks = await allPages((page) =>
    ask({
      send: () => rest.checks.listForRef({ ...at, ref, app_id: appId, filter: "all", ...page }),
      shape: checkPage,
    }),
  );
  return checks.flatMap(({ id, app, status, external_id }) => {
    const job = jobOfCheck(external_id);
    return app?.id === appId && status !== "completed" && job !== undefined ? [{ id, job }] : [];
  });
}
