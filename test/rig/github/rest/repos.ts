import { accountPayload } from "../payloads/people.ts";
import { fullRepository } from "../payloads/repository.ts";
import type { RepoHandlers } from "./handlers.ts";

/** Repositories and who may do what in them. */
export const repos = {
  "repos/get": ({ world, repo }) => ({ status: 200, body: fullRepository(world, repo) }),

  /** NB: `permission` knows admin, write, read and none only; the finer role is in `role_name`. A public repository is readable by all. */
  "repos/get-collaborator-permission-level": ({ world, repo, path }) => {
    const permission = repo.collaborators.get(path.username) ?? (repo.private ? "none" : "read");
    const account = accountPayload(world, { id: 1, login: path.username, kind: "User" });
    const rights = {
      pull: permission !== "none",
      triage: permission === "write" || permission === "admin",
      push: permission === "write" || permission === "admin",
      maintain: permission === "admin",
      admin: permission === "admin",
    };
    return {
      status: 200,
      body: {
        permission,
        role_name: permission,
        user: { ...account, permissions: rights, role_name: permission },
      },
    };
  },
} satisfies RepoHandlers;
