import type { RepoName } from "../core/types.ts";
import { type Clock, type GitHub, GitHubUnavailable } from "../ports.ts";

export type RightsParts = {
  /** Logins, and teams as `org/team`. */
  operators: readonly string[];
  repositories: readonly RepoName[];
  github: Pick<GitHub, "isMember" | "mayWrite" | "administers">;
  clock: Clock;
};

/** What is done is asked anew; what is shown may be a minute old. All but `looksLikeOperator` throw `GitHubUnavailable` if GitHub could not be asked. */
export type Rights = {
  isOperator(login: string): Promise<boolean>;
  mayWrite(repo: RepoName, login: string): Promise<boolean>;
  administers(repo: RepoName, login: string): Promise<boolean>;
  /** The same for what is shown. NB: remembered for a minute, and taken as it was if GitHub does not answer. */
  looksLikeOperator(login: string): Promise<boolean>;
  looksLikeWriter(repo: RepoName, login: string): Promise<boolean>;
  looksLikeAdmin(repo: RepoName, login: string): Promise<boolean>;
};

const ASK_MS = 15_000;

/** Who may see everything, and who may do what. */
export function rights({ operators, repositories, github, clock }: RightsParts): Rights {
  const logins = new Set(operators.filter((one) => !one.includes("/")).map((one) => one.toLowerCase()));
  const teams = operators.flatMap((one) => {
    const [org = "", team] = one.toLowerCase().split("/");
    const repos = repositories.filter((name) => name.toLowerCase().startsWith(`${org}/`));
    return team === undefined ? [] : [{ repos, team }];
  });
  const remembered = memory(clock);
  const limit = () => AbortSignal.timeout(ASK_MS);

  async function isOperator(login: string): Promise<boolean> {
    if (logins.has(login.toLowerCase())) return true;
    let failure: GitHubUnavailable | undefined;
    for (const { repos, team } of teams) {
      const answer = await isInTeam(repos, team, login);
      if (answer === true) return true;
      if (answer !== false) failure = answer;
    }
    if (failure) throw failure;
    return false;
  }

  /** NB: the App may be missing in one repository of an organisation, or in all of another one. */
  async function isInTeam(repos: readonly RepoName[], team: string, login: string) {
    let failure: GitHubUnavailable | undefined;
    for (const repo of repos) {
      try {
        return await github.isMember(repo, team, login, limit());
      } catch (error) {
        if (!(error instanceof GitHubUnavailable)) throw error;
        failure = error;
      }
    }
    return failure ?? false;
  }

  const mayWrite: Rights["mayWrite"] = (repo, login) => github.mayWrite(repo, login, limit());
  const administers: Rights["administers"] = (repo, login) => github.administers(repo, login, limit());
  return {
    isOperator,
    mayWrite,
    administers,
    looksLikeOperator: (login) => remembered(`operator ${login}`, () => isOperator(login), false),
    looksLikeWriter: (repo, login) => remembered(`write ${repo} ${login}`, () => mayWrite(repo, login)),
    looksLikeAdmin: (repo, login) => remembered(`admin ${repo} ${login}`, () => administers(repo, login)),
  };
}

const REMEMBER_MS = 60_000;
const MOST_REMEMBERED = 1000;

type Remembered = (key: string, ask: () => Promise<boolean>, otherwise?: boolean) => Promise<boolean>;

/** Answers as before for a minute, and if nothing better can be had. `otherwise`: what is taken if nothing was ever known. */
function memory(clock: Clock): Remembered {
  const known = new Map<string, { at: number; is: boolean }>();
  return async (key, ask, otherwise) => {
    const before = known.get(key);
    if (before && clock.now() - before.at < REMEMBER_MS) return before.is;
    const is = await ask().catch((error: unknown) => {
      const last = before?.is ?? otherwise;
      if (error instanceof GitHubUnavailable && last !== undefined) return last;
      throw error;
    });
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(key, { at: clock.now(), is });
    return is;
  };
}
