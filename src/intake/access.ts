import type { Logger } from "pino";
import { withLimit } from "../clock.ts";
import type { Fact, State } from "../core/facts.ts";
import { hasAccess } from "../core/pools.ts";
import type { RepoName } from "../core/types.ts";
import type { Clock, GitHub, Ring } from "../ports.ts";

export type AccessParts = {
  github: Pick<GitHub, "installed" | "isInstalled">;
  repositories: readonly RepoName[];
  state: () => State;
  record: (facts: readonly Fact[]) => Promise<void>;
  clock: Clock;
  ring: Ring;
  log: Logger;
};

const LIMIT_MS = 60_000;

/**
 * Asks GitHub on which repositories of the catalogue the App is installed, and writes down what changed. An answer that could not be
 * had changes nothing.
 * NB: what a list lacks is not believed to be gone: each repository that is missing is asked about by itself.
 */
export async function noteAccess(parts: AccessParts, signal: AbortSignal): Promise<void> {
  const { github, repositories, state, record, clock, ring, log } = parts;
  const unknown = (repo: RepoName) => (error: unknown) => {
    if (signal.aborted) throw error;
    log.warn({ repo, err: error }, "whether the App is installed here could not be asked");
  };
  const ask = <T>(question: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withLimit(clock, LIMIT_MS, question, signal);
  const owners = [...new Set(repositories.map((repo) => repo.split("/")[0] ?? ""))];
  const names = await ask((limited) => github.installed(owners, limited));
  const listed = new Set(names.map((name) => name.toLowerCase()));
  for (const repo of repositories) {
    const had = hasAccess({ repo }, state());
    const isListed = listed.has(repo.toLowerCase());
    if (isListed === had) continue;
    const asked = (limited: AbortSignal) => github.isInstalled(repo, limited);
    const granted = isListed || (await ask(asked).catch(unknown(repo)));
    if (granted === had || granted === undefined) continue;
    await record([{ kind: "repository-access", at: clock.now(), repo, granted }]);
    if (granted) log.info({ repo }, "the App is installed here now");
    else log.warn({ repo }, "the App is not installed here any more, or suspended");
    ring();
  }
}
