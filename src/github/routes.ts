/** An App's permission as app.yml spells it, or `app`: the call is made as the App itself and needs none. */
export type Permission =
  | "app"
  | "actions: read"
  | "actions: write"
  | "administration: read"
  | "administration: write"
  | "checks: read"
  | "checks: write"
  | "metadata: read";

/**
 * Who goes first when calls must wait, or when an installation's budget runs low: a guest that waits for its registration,
 * then the removal of runners, then reads, then check runs, which the next pass writes again anyhow.
 */
export type Urgency = "register" | "remove" | "read" | "report";

/** Octokit calls it by itself whenever an installation's token is about to end (after an hour). */
export const TOKEN_ROUTE = "POST /app/installations/{installation_id}/access_tokens";

export type RouteRules = { needs: Permission; urgency: Urgency };

/**
 * Every REST call that Mayfly makes. A call that is not in this table is refused before it is sent (octokit.ts), and
 * test/app-yml.test.ts compares the permissions with app.yml: so the App asks for what is used, and for nothing else.
 * See: docs.github.com, REST, "Permissions required for GitHub Apps".
 */
export const ROUTES: Readonly<Record<string, RouteRules>> = {
  "GET /app/installations": { needs: "app", urgency: "read" },
  "GET /repos/{owner}/{repo}/installation": { needs: "app", urgency: "register" },
  [TOKEN_ROUTE]: { needs: "app", urgency: "register" },
  "GET /installation/repositories": { needs: "metadata: read", urgency: "read" },
  "POST /repos/{owner}/{repo}/actions/runners/generate-jitconfig": {
    needs: "administration: write",
    urgency: "register",
  },
  "POST /repos/{owner}/{repo}/actions/runners/registration-token": {
    needs: "administration: write",
    urgency: "register",
  },
  "GET /repos/{owner}/{repo}/actions/runners": { needs: "administration: read", urgency: "read" },
  "DELETE /repos/{owner}/{repo}/actions/runners/{runner_id}": {
    needs: "administration: write",
    urgency: "remove",
  },
  "GET /repos/{owner}/{repo}/actions/runs": { needs: "actions: read", urgency: "read" },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs": { needs: "actions: read", urgency: "read" },
  "GET /repos/{owner}/{repo}/actions/jobs/{job_id}": { needs: "actions: read", urgency: "read" },
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel": { needs: "actions: write", urgency: "remove" },
  "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun": { needs: "actions: write", urgency: "remove" },
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission": {
    needs: "metadata: read",
    urgency: "read",
  },
  "POST /repos/{owner}/{repo}/check-runs": { needs: "checks: write", urgency: "report" },
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": { needs: "checks: write", urgency: "report" },
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": { needs: "checks: read", urgency: "report" },
};
