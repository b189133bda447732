import type { RepoName } from "../core/types.ts";
import { type Clock, type GitHub, GitHubUnavailable } from "../ports.ts";

export type RightsParts = {
  /** Logins, and teams as `org/team`. */
  operators: readonly string[];
  repositories: readonly RepoName[];
  github: Pick<GitHub, "isMember" | "mayWrite">;
  clock: Clock;
};

export type Rights = {
  /** For what is shown. NB: who is in a team is remembered for a minute, and taken as it was if GitHub does not answer. */
  looksLikeOperator(login: string): Promise<boolean>;
  /** For what is done: asked anew. Throws `GitHubUnavailable` when GitHub could not be asked. */
  isOperator(login: string): Promise<boolean>;
  mayWrite(repo: RepoName, login: string): Promise<boolean>;
};

const REMEMBER_MS = 60_000;
const ASK_MS = 15_000;
const MOST_REMEMBERED = 1000;

/** Who may see everything, and who may do what. */
export function rights({ operators, repositories, github, clock }: RightsParts): Rights {
  const logins = new Set(operators.filter((one) => !one.includes("/")).map((one) => one.toLowerCase()));
  const teams = operators.flatMap((one) => {
    const [org = "", team] = one.toLowerCase().split("/");
    const repo = repositories.find((name) => name.toLowerCase().startsWith(`${org}/`));
    return team === undefined || repo === undefined ? [] : [{ repo, team }];
  });
  const known = new Map<string, { at: number; is: boolean }>();
  const limit = () => AbortSignal.timeout(ASK_MS);

  async function isOperator(login: string): Promise<boolean> {
    if (logins.has(login.toLowerCase())) return true;
    for (const { repo, team } of teams) if (await github.isMember(repo, team, login, limit())) return true;
    return false;
  }

  return {
    isOperator,
    mayWrite: (repo, login) => github.mayWrite(repo, login, limit()),
    async looksLikeOperator(login) {
      const before = known.get(login);
      if (before && clock.now() - before.at < REMEMBER_MS) return before.is;
      const is = await isOperator(login).catch((error: unknown) => {
        if (error instanceof GitHubUnavailable) return before?.is ?? false;
        throw error;
      });
      if (known.size >= MOST_REMEMBERED) known.clear();
      known.set(login, { at: clock.now(), is });
      return is;
    },
  };
}
