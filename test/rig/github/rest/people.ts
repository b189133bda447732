import { reposFor } from "../oauth.ts";
import { accountPayload, installationPayload, userPayload } from "../payloads/people.ts";
import { repositoryPayload } from "../payloads/repository.ts";
import { notFound, refuse } from "./answer.ts";
import type { AppHandlers, TokenHandlers, UserHandlers } from "./handlers.ts";
import { pageOf } from "./pages.ts";

/** What a person sees through the App. See: docs.github.com, REST, "Apps", "List app installations accessible to the user access token". */
export const users = {
  "users/get-authenticated": ({ world, login }) => ({ status: 200, body: userPayload(world, login) }),

  "apps/list-installations-for-authenticated-user": ({ world, login, query, url }) => {
    const mine = [...world.installations.values()].filter(({ id }) => reposFor(world, id, login).length > 0);
    const { entries, headers } = pageOf(mine, query, url);
    const installations = entries.map((one) => installationPayload(world, one));
    return { status: 200, body: { total_count: mine.length, installations }, headers };
  },

  "apps/list-installation-repos-for-authenticated-user": ({ world, login, path, query, url }) => {
    if (!world.installations.has(path.installation_id)) return notFound();
    const mine = reposFor(world, path.installation_id, login);
    const { entries, headers } = pageOf(mine, query, url);
    const repositories = entries.map((repo) => {
      const right = repo.collaborators.get(login);
      const push = right === "write" || right === "admin";
      const permissions = {
        admin: right === "admin",
        maintain: right === "admin",
        push,
        triage: push,
        pull: true,
      };
      return { ...repositoryPayload(world, repo), permissions };
    });
    return { status: 200, body: { total_count: mine.length, repositories }, headers };
  },
} satisfies UserHandlers;

/** What the App asks with that which it signs people in with. See: docs.github.com, REST, "Delete an app token". */
export const clients = {
  "apps/delete-token": ({ world, path, body }) => {
    if (path.client_id !== world.app.clientId) return notFound();
    if (!world.userTokens.delete(body.access_token)) return refuse(422, "Validation Failed");
    return { status: 204, body: undefined };
  },
} satisfies AppHandlers;

/** Who is in a team. See: docs.github.com, REST, "Get team membership for a user": 404 for who is not. */
export const teams = {
  "teams/get-membership-for-user-in-org": ({ world, path }) => {
    const team = `${path.org}/${path.team_slug}`.toLowerCase();
    if (!world.teams.get(team)?.has(path.username)) return notFound();
    const { url } = accountPayload(world, { id: 1, login: path.username, kind: "User" });
    return { status: 200, body: { role: "member", state: "active", url } };
  },
} satisfies TokenHandlers;
