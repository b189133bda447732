import { z } from "zod";

/** GitHub lists so many commits of a push at most. See: docs.github.com, webhook `push`. */
const MOST_COMMITS = 2048;

const paths = z.array(z.string());
const push = z.object({
  ref: z.string(),
  created: z.boolean().nullish(),
  deleted: z.boolean().nullish(),
  forced: z.boolean().nullish(),
  commits: z
    .array(z.object({ added: paths.nullish(), modified: paths.nullish(), removed: paths.nullish() }))
    .nullish(),
  repository: z.object({ default_branch: z.string() }),
});
const edited = z.object({ changes: z.object({ default_branch: z.unknown() }) });

/**
 * May this push have changed what is at the path on the default branch? A push that does not tell all of it may have. Throws `ZodError`
 * if it is none.
 * NB: commits that a forced push takes away are in no list.
 */
export function mayChange(payload: unknown, path: string): boolean {
  const { ref, created, deleted, forced, commits, repository } = push.parse(payload);
  if (ref !== `refs/heads/${repository.default_branch}`) return false;
  if (created || deleted || forced || !commits) return true;
  if (commits.length === 0 || commits.length >= MOST_COMMITS) return true;
  return commits.some(
    ({ added, modified, removed }) =>
      !added || !modified || !removed || [...added, ...modified, ...removed].some((one) => isAt(path, one)),
  );
}

/** NB: a folder may be there in its place. */
const isAt = (path: string, one: string): boolean => one === path || one.startsWith(`${path}/`);

/** Is a repository's default branch another one, by this `repository` webhook? */
export const movedDefaultBranch = (payload: unknown): boolean => {
  const change = edited.safeParse(payload).data?.changes.default_branch;
  return change !== undefined && change !== null;
};
