import type { Repo } from "../model.ts";
import { findRepo, installationOf } from "../population.ts";
import type { Operation } from "../schemas.ts";
import type { World } from "../world.ts";
import { type OperationId, type Refusal, refuse } from "./answer.ts";
import { apps, installations, newApps } from "./apps.ts";
import { allows, type Caller } from "./auth.ts";
import { checks } from "./checks.ts";
import { contents } from "./contents.ts";
import { deliveries } from "./deliveries.ts";
import { NEEDED } from "./handlers.ts";
import { clients, teams, users } from "./people.ts";
import { repos } from "./repos.ts";
import { runners } from "./runners.ts";
import { runs } from "./runs.ts";

const ofAnybody: Table = { ...newApps };
const ofApp: Table = { ...apps, ...deliveries };
const ofClient: Table = { ...clients };
const ofInstallation: Table = { ...installations, ...teams };
const ofUser: Table = { ...users };
const ofRepository: Table = { ...repos, ...contents, ...runners, ...runs, ...checks };

/** Ids of all operations that have a handler. */
export const HANDLED: readonly string[] = [
  ofAnybody,
  ofApp,
  ofClient,
  ofInstallation,
  ofUser,
  ofRepository,
].flatMap(Object.keys);

/** Does it need no credential? */
export const isOpen = (operation: Operation): boolean => operation.id in ofAnybody;

/** The handlers as the dispatcher sees them. NB: what they are given fits their own types, since the gate has checked it. */
type Table = Record<string, ((call: never) => Outgoing | Promise<Outgoing>) | undefined>;
export type Outgoing = { status: number; body: unknown; headers?: Record<string, string> };

export type Allowed = { handle: (call: never) => Outgoing | Promise<Outgoing>; more: object };

/** Who may call what. See: docs.github.com, "Troubleshooting the REST API": what one may not see is not there. */
export function access(
  world: World,
  operation: Operation,
  caller: Caller,
  path: Record<string, string>,
): Allowed | Refusal {
  const open = ofAnybody[operation.id];
  if (open) return { handle: open, more: {} };
  const own = ofApp[operation.id];
  if (own) {
    return caller.kind === "app"
      ? { handle: own, more: {} }
      : refuse(401, "A JSON web token could not be decoded");
  }
  const signing = ofClient[operation.id];
  if (signing) {
    return caller.kind === "client" ? { handle: signing, more: {} } : refuse(401, "Requires authentication");
  }
  const personal = ofUser[operation.id];
  if (personal && caller.kind === "user") return { handle: personal, more: { login: caller.login } };
  if (personal || caller.kind !== "installation")
    return refuse(403, "Resource not accessible by integration");
  const general = ofInstallation[operation.id];
  if (general) return permitted(operation, caller, { handle: general, more: { token: caller.token } });
  const handle = ofRepository[operation.id];
  if (!handle) return refuse(500, `no handler for ${operation.id}`);
  const repo = findRepo(world, `${path.owner}/${path.repo}`);
  if (!repo || !mayTouch(world, operation, repo, caller)) {
    return repo && !repo.private
      ? refuse(403, "Resource not accessible by integration")
      : refuse(404, "Not Found");
  }
  return permitted(operation, caller, { handle, more: { repo } });
}

function permitted(
  operation: Operation,
  { token }: Caller & { kind: "installation" },
  allowed: Allowed,
): Allowed | Refusal {
  const needed = NEEDED[operation.id as OperationId] ?? {};
  if (allows(token.permissions, needed)) return allowed;
  const wanted = Object.entries(needed).map(([name, level]) => `${name}=${level}`);
  return refuse(403, "Resource not accessible by integration", {
    "x-accepted-github-permissions": wanted.join(","),
  });
}

/** NB: a public repository can be read with any installation's token. */
function mayTouch(
  world: World,
  operation: Operation,
  repo: Repo,
  caller: Caller & { kind: "installation" },
): boolean {
  const needed = Object.entries(NEEDED[operation.id as OperationId] ?? {});
  const isOpen = needed.every(([name, level]) => level === "read" && name !== "administration");
  if (!repo.private && isOpen) return true;
  return caller.token.repos.has(repo) && installationOf(world, repo) === caller.token.installation;
}
