import { createHash } from "node:crypto";
import { z } from "zod";
import type { FileSeen, RepoFiles, Verdict } from "../ports/files.ts";
import { shorten } from "./checks.ts";
import { ask, type Client, type InRepo } from "./client.ts";
import { Refused } from "./errors.ts";

/** See: docs.github.com, REST, "Create a check run", output.annotations. */
const MOST_ANNOTATIONS = 50;

const commitPage = z.array(z.object({ sha: z.string() }));
const entry = z.object({
  type: z.string(),
  size: z.int(),
  encoding: z.string().optional(),
  content: z.string().optional(),
});
const entryOrFolder = z.union([entry, z.array(z.unknown())]);
const checkPage = z.object({
  check_runs: z.array(z.object({ external_id: z.string().nullish() })),
});

/** Files of repositories, behind their port. */
export function repoFiles(client: Client): RepoFiles {
  return {
    lastChange: (repo, path, signal) => client.inRepo(repo, signal, (place) => lastChange(place, path)),
    fileAt: (repo, path, sha, signal) => client.inRepo(repo, signal, (place) => fileAt(place, path, sha)),
    judge: (repo, sha, verdict, signal) =>
      client.inRepo(repo, signal, (place) => judge(place, { sha, appId: client.appId }, verdict)),
  };
}

/**
 * NB: a list is always there to be compared, also an empty one. So a file that is not there costs as little as one that has not changed.
 * 409: the repository has no commit yet. See: docs.github.com, REST, "List commits".
 */
async function lastChange({ rest, at }: InRepo, path: string): ReturnType<RepoFiles["lastChange"]> {
  try {
    const commits = await ask({
      send: () => rest.repos.listCommits({ ...at, path, per_page: 1 }),
      shape: commitPage,
      expect: { 409: [] },
    });
    return commits[0]?.sha ?? "none";
  } catch (error) {
    if (isForbidden(error)) return "forbidden";
    throw error;
  }
}

/** NB: an organisation that lets in certain addresses only answers 403, too, and that says nothing of rights. */
function isForbidden(error: unknown): boolean {
  if (!(error instanceof Refused) || error.status !== 403) return false;
  return error.cause instanceof Error && error.cause.message.includes("not accessible by integration");
}

/** NB: GitHub follows a symlink that leads to a file of the repository. It gives no content of what has more than a MiB. */
async function fileAt({ rest, at }: InRepo, path: string, ref: string): Promise<FileSeen> {
  const found = await ask({
    send: () => rest.repos.getContent({ ...at, path, ref }),
    shape: entryOrFolder,
    expect: { 404: "none" },
  } as const);
  if (found === "none") return "none";
  if (Array.isArray(found) || found.type !== "file") return "no-file";
  const bytes = found.encoding === "base64" ? Buffer.from(found.content ?? "", "base64") : Buffer.alloc(0);
  return { size: found.size, bytes };
}

/** NB: a check run that is changed keeps its annotations, and gets the new ones beside them. So another one is made. */
async function judge(
  { rest, at }: InRepo,
  { sha, appId }: { sha: string; appId: number },
  verdict: Verdict,
): Promise<void> {
  const external_id = `verdict ${createHash("sha256").update(JSON.stringify(verdict)).digest("hex")}`;
  const { check_runs } = await ask({
    send: () =>
      rest.checks.listForRef({ ...at, ref: sha, app_id: appId, check_name: verdict.name, filter: "latest" }),
    shape: checkPage,
  });
  if (check_runs[0]?.external_id === external_id) return;
  const request = { ...at.request, urgency: "conclude" };
  const what = { head_sha: sha, external_id, status: "completed" as const, ...bodyOf(verdict) };
  await ask({ send: () => rest.checks.create({ ...at, request, ...what }), shape: z.unknown() });
}

function bodyOf({ name, conclusion, title, summary, notes }: Verdict) {
  const annotations = notes.slice(0, MOST_ANNOTATIONS).map(({ path, line, text }) => ({
    path,
    start_line: line,
    end_line: line,
    annotation_level: "failure" as const,
    message: text,
  }));
  return { name, conclusion, output: { title, summary: shorten(summary), annotations } };
}
