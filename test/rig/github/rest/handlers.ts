import type { Permissions, Repo } from "../model.ts";
import type { InstallationToken, World } from "../world.ts";
import type { Answer, OperationId, Request } from "./answer.ts";

/** What an operation's handler is given. Four kinds, by who may call and for what. */
export type AppCall<Id extends OperationId> = Request<Id> & { world: World };
export type TokenCall<Id extends OperationId> = AppCall<Id> & { token: InstallationToken };
export type UserCall<Id extends OperationId> = AppCall<Id> & { login: string };
export type RepoCall<Id extends OperationId> = AppCall<Id> & { repo: Repo };

type Answered<Id extends OperationId> = Answer<Id> | Promise<Answer<Id>>;

/** Operations of the App itself: they need its JWT. */
export type AppHandlers = { [Id in OperationId]?: (call: AppCall<Id>) => Answered<Id> };
/** Operations of an installation as a whole. */
export type TokenHandlers = { [Id in OperationId]?: (call: TokenCall<Id>) => Answered<Id> };
/** Operations for a person: they need that person's token. */
export type UserHandlers = { [Id in OperationId]?: (call: UserCall<Id>) => Answered<Id> };
/** Operations on a repository; only called if the token's installation has the repository and the permission. */
export type RepoHandlers = { [Id in OperationId]?: (call: RepoCall<Id>) => Answered<Id> };

/**
 * What the token must be allowed to do.
 * See: docs.github.com, "Permissions required for GitHub Apps".
 */
export const NEEDED: { [Id in OperationId]?: Permissions } = {
  "actions/cancel-workflow-run": { actions: "write" },
  "actions/create-registration-token-for-repo": { administration: "write" },
  "actions/delete-self-hosted-runner-from-repo": { administration: "write" },
  "actions/force-cancel-workflow-run": { actions: "write" },
  "actions/generate-runner-jitconfig-for-repo": { administration: "write" },
  "actions/get-job-for-workflow-run": { actions: "read" },
  "actions/get-self-hosted-runner-for-repo": { administration: "read" },
  "actions/get-workflow-run": { actions: "read" },
  "actions/list-jobs-for-workflow-run": { actions: "read" },
  "actions/list-self-hosted-runners-for-repo": { administration: "read" },
  "actions/list-workflow-runs-for-repo": { actions: "read" },
  "actions/re-run-job-for-workflow-run": { actions: "write" },
  "actions/re-run-workflow-failed-jobs": { actions: "write" },
  "checks/create": { checks: "write" },
  "checks/get": { checks: "read" },
  "checks/list-for-ref": { checks: "read" },
  "checks/rerequest-run": { checks: "write" },
  "checks/update": { checks: "write" },
  "repos/get-content": { contents: "read" },
  "repos/list-commits": { contents: "read" },
  "repos/get": { metadata: "read" },
  "repos/get-collaborator-permission-level": { metadata: "read" },
  "teams/get-membership-for-user-in-org": { members: "read" },
};
