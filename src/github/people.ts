import { z } from "zod";
import type { RepoName } from "../core/types.ts";
import type { GitHub } from "../ports.ts";
import { ask, type Client } from "./client.ts";

/** NB: GitHub's own words: `maintain` is told as `write` here, and `triage` as `read`. */
const permission = z.object({ permission: z.string() });

const membership = z.object({ state: z.string() });

/** The people part of the port. See: docs.github.com, REST, "Get repository permissions for a user", "Get team membership for a user". */
export function peopleVerbs(client: Client): Pick<GitHub, "mayWrite" | "administers" | "isMember"> {
  return {
    mayWrite: async (repo, login, signal) =>
      ["admin", "write"].includes(await permissionOf(client, { repo, login }, signal)),

    administers: async (repo, login, signal) =>
      (await permissionOf(client, { repo, login }, signal)) === "admin",

    isMember: (repo, team, login, signal) =>
      client.inRepo(repo, signal, async ({ rest, at: { owner: org, request } }) => {
        const answer = await ask({
          send: () =>
            rest.teams.getMembershipForUserInOrg({ org, team_slug: team, username: login, request }),
          shape: membership,
          expect: { 404: "nobody" },
        } as const);
        // NB: who was invited, and has not answered yet, is pending.
        return answer !== "nobody" && answer.state === "active";
      }),
  };
}

type InQuestion = { repo: RepoName; login: string };

/** NB: whom GitHub does not know has no right. */
const permissionOf = (client: Client, { repo, login }: InQuestion, signal: AbortSignal): Promise<string> =>
  client.inRepo(repo, signal, async ({ rest, at }) => {
    const answer = await ask({
      send: () => rest.repos.getCollaboratorPermissionLevel({ ...at, username: login }),
      shape: permission,
      expect: { 404: "none" },
    } as const);
    return answer === "none" ? answer : answer.permission;
  });
