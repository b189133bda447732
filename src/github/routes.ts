/** An App's permission as app.yml spells it, or `app`: the call is made as the App itself and needs none. */
export type Permission =
  | "app"
  | "actions: read"
  | "actions: write"
  | "administration: read"
  | "administration: write"
  | "checks: read"
  | "checks: write"
  | "contents: read"
  | "members: read"
  | "metadata: read";

/**
 * Who goes first when calls must wait, or when an installation's budget runs low: a guest that waits for its registration, then the
 * removal of runners, then reads, then check runs, which the next pass writes again anyhow. Of these first the end of a job whose check
 * run is open, or that went wrong (`conclude`); then the end of one that has none (`note`); then that a job runs (`report`), and what
 * comes before (`announce`).
 */
export type Urgency = "register" | "remove" | "read" | "conclude" | "note" | "report" | "announce";

/** GitHub counts the registrations of runners apart from all other calls of the hour. */
export type Bucket = "core" | "registrations";

/** Octokit calls it by itself whenever an installation's token is about to end (after an hour). */
export const TOKEN_ROUTE = "POST /app/installations/{installation_id}/access_tokens";

export type RouteRules = {
  needs: Permission;
  /** A check run's depends on what it says, too. */
  urgency: Urgency;
  bucket?: Bucket;
  /** GitHub has a limit for calls that make content. NB: whether check runs count is not documented; here they do. */
  isContent?: boolean;
  /** Read again and again, so GitHub is asked whether the last answer still holds. See etags.ts. */
  isConditional?: boolean;
};

/**
 * Every REST call that Mayfly makes. A call that is not in this table is refused before it is sent (octokit.ts), and
 * test/app-yml.test.ts compares the permissions with app.yml: so the App asks for what is used, and for nothing else.
 * See: docs.github.com, REST, "Permissions required for GitHub Apps".
 */
export const ROUTES: Readonly<Record<string, RouteRules>> = {
  // NB: the App itself has a new token for each call, and GitHub's mark differs from token to token: conditions are of no use here.
  "GET /app": { needs: "app", urgency: "read" },
  "GET /app/hook/config": { needs: "app", urgency: "read" },
  "GET /app/installations": { needs: "app", urgency: "read" },
  "GET /app/hook/deliveries": { needs: "app", urgency: "read" },
  "GET /app/hook/deliveries/{delivery_id}": { needs: "app", urgency: "read" },
  "GET /repos/{owner}/{repo}/installation": { needs: "app", urgency: "register" },
  [TOKEN_ROUTE]: { needs: "app", urgency: "register" },
  "GET /installation/repositories": { needs: "metadata: read", urgency: "read", isConditional: true },
  "POST /repos/{owner}/{repo}/actions/runners/generate-jitconfig": {
    needs: "administration: write",
    urgency: "register",
    bucket: "registrations",
  },
  "POST /repos/{owner}/{repo}/actions/runners/registration-token": {
    needs: "administration: write",
    urgency: "register",
  },
  "GET /repos/{owner}/{repo}/actions/runners": {
    needs: "administration: read",
    urgency: "read",
    isConditional: true,
  },
  "DELETE /repos/{owner}/{repo}/actions/runners/{runner_id}": {
    needs: "administration: write",
    urgency: "remove",
  },
  "GET /repos/{owner}/{repo}/actions/runs": { needs: "actions: read", urgency: "read", isConditional: true },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs": {
    needs: "actions: read",
    urgency: "read",
    isConditional: true,
  },
  "GET /repos/{owner}/{repo}/actions/jobs/{job_id}": { needs: "actions: read", urgency: "read" },
  "GET /repos/{owner}/{repo}/actions/runs/{run_id}": { needs: "actions: read", urgency: "read" },
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs": {
    needs: "actions: write",
    urgency: "remove",
  },
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel": { needs: "actions: write", urgency: "remove" },
  "POST /repos/{owner}/{repo}/actions/runs/{run_id}/force-cancel": {
    needs: "actions: write",
    urgency: "remove",
  },
  "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun": { needs: "actions: write", urgency: "remove" },
  "GET /repos/{owner}/{repo}/collaborators/{username}/permission": {
    needs: "metadata: read",
    urgency: "read",
  },
  "GET /orgs/{org}/teams/{team_slug}/memberships/{username}": { needs: "members: read", urgency: "read" },
  "POST /repos/{owner}/{repo}/check-runs": { needs: "checks: write", urgency: "report", isContent: true },
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": {
    needs: "checks: write",
    urgency: "report",
    isContent: true,
  },
  "GET /repos/{owner}/{repo}/commits": { needs: "contents: read", urgency: "read", isConditional: true },
  // NB: asked only about a commit that is new to us.
  "GET /repos/{owner}/{repo}/contents/{path}": { needs: "contents: read", urgency: "read" },
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": { needs: "checks: read", urgency: "report" },
};
