import { jitConfiguration } from "../jobservice.ts";
import { runnerPayload } from "../payloads/actions.ts";
import { registerRunner, removeRunner, runnersOf } from "../runners.ts";
import { isoTime, newSecret, noteSecret } from "../world.ts";
import { notFound, refuse } from "./answer.ts";
import type { RepoHandlers } from "./handlers.ts";
import { pageOf } from "./pages.ts";

/** Self-hosted runners of a repository. */
export const runners = {
  /**
   * NB: no label is added by itself, and a forbidden group answers 403, an unknown one 404.
   * See: cdk-github-runners issue 906; ubicloud pull 692 for the 409.
   */
  "actions/generate-runner-jitconfig-for-repo": ({ world, repo, body }) => {
    if (body.runner_group_id !== 1) return notFound();
    const runner = registerRunner(world, repo, { name: body.name, labels: body.labels, ephemeral: true });
    if (runner === "taken")
      return refuse(409, `Already exists - A runner with the name ${body.name} already exists.`);
    const encoded_jit_config = jitConfiguration(world, { runner, workFolder: body.work_folder ?? "_work" });
    return { status: 201, body: { runner: runnerPayload(runner), encoded_jit_config } };
  },

  "actions/create-registration-token-for-repo": ({ world, repo }) => {
    const token = noteSecret(newSecret("A").toUpperCase());
    const expiresAt = Date.now() + world.times.registrationTokenMs;
    world.registrationTokens.set(token, { repo, expiresAt });
    return { status: 201, body: { token, expires_at: isoTime(expiresAt) } };
  },

  "actions/list-self-hosted-runners-for-repo": ({ world, repo, query, url }) => {
    const wanted = runnersOf(world, repo).filter(
      (runner) => query.name === undefined || runner.name === query.name,
    );
    const { entries, headers } = pageOf(wanted, query, url);
    return {
      status: 200,
      body: { total_count: wanted.length, runners: entries.map(runnerPayload) },
      headers,
    };
  },

  "actions/get-self-hosted-runner-for-repo": ({ world, repo, path }) => {
    const runner = runnersOf(world, repo).find((one) => one.id === path.runner_id);
    return runner ? { status: 200, body: runnerPayload(runner) } : notFound();
  },

  "actions/delete-self-hosted-runner-from-repo": ({ world, repo, path }) => {
    const runner = runnersOf(world, repo).find((one) => one.id === path.runner_id);
    if (!runner) return notFound();
    if (removeRunner(world, runner) === "removed") return { status: 204, body: undefined };
    return refuse(
      422,
      `Bad request - Runner "${runner.name}" is currently running a job and cannot be deleted.`,
    );
  },
} satisfies RepoHandlers;
