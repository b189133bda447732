import { join } from "node:path";
import { Command } from "commander";
import { type Change, changesOf, checkPlace, checkProject, commit, type News, titleOf } from "./commit.ts";
import { BASES, type Finder, MEDIA, newDownload } from "./downloads.ts";
import {
  DOWNLOADS_LOCK,
  type DownloadsLock,
  MEDIA_LOCK,
  type MediaLock,
  ofMedia,
  Refused,
  RUNNER_LOCK,
  type RunnerLock,
  readLock,
  toMedia,
  writeLock,
} from "./locks.ts";
import { type Outside, openOutside } from "./outside.ts";
import { newRunner } from "./runner.ts";

/** `script/update-runner`. */

type Options = {
  version?: string;
  only: readonly string[];
  download: boolean;
  commit: boolean;
  branch: string;
  through?: string;
  project: string;
};

const RUNNER = "runner";
const NAMES = [RUNNER, ...Object.keys(BASES), ...Object.keys(MEDIA)];

const HELP = `
Things: ${NAMES.join(", ")}.

A digest is taken from who publishes it: GitHub's releases, or the list of digests beside a file. virtio-win has none, so it is downloaded
(750 MB), but only when there is a newer one. An older version than the pinned one is refused, and so is one whose digest is another than it was.
GITHUB_TOKEN in the environment is for more calls at GitHub, and not needed. Windows' own media are not among the things, for Microsoft
publishes no digest of them that a program could read: docs/images.md, "A newer medium of Windows", says what a person does.

Exit codes: 0 done, or nothing new; 1 refused or failed.`;

const options = new Command("update-runner")
  .description(
    "Writes newer versions of what is pinned by digest into the lock files, and commits them on a branch.",
  )
  .option("--version <version>", "the runner's version, as 2.337.0; left out: the newest")
  .option("--only <thing...>", "look for these only", NAMES)
  .option(
    "--download",
    "download the runner's archives (600 MB) to see that they are what GitHub says",
    false,
  )
  .option("--no-commit", "write the files, and leave the rest to you")
  .option("--branch <name>", "the branch of the commit", "update/pinned")
  .option("--through <url>", "fetch from there: https://host/path becomes <url>/host/path")
  .option("--project <folder>", "the work tree", join(import.meta.dirname, "../.."))
  .addHelpText("after", HELP)
  .parse()
  .opts<Options>();

const failures: string[] = [];
let looked = 0;
try {
  const news = await update(options);
  if (looked > 0) console.log(outcomeOf(news));
  else failures.push("nothing could be looked at, so it is not known whether there is something new");
} catch (error) {
  failures.push(sentence(error));
}
for (const failure of failures) console.error(`update-runner: ${failure}`);
if (failures.length > 0) process.exitCode = 1;

function outcomeOf(news: readonly News[]): string {
  if (news.length > 0) return titleOf(news);
  return failures.length === 0 ? "nothing is new" : "nothing is new in what could be looked at";
}

/** What cannot be had, or must not be used, keeps nothing else from being written. */
async function update({ only, project, branch, ...rest }: Options): Promise<News[]> {
  const unknown = only.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Refused(`knows no ${unknown.join(", ")}, but ${NAMES.join(", ")}`);
  const paths = [RUNNER_LOCK, DOWNLOADS_LOCK, MEDIA_LOCK];
  checkProject(project, paths);
  if (rest.commit) checkPlace(project, paths, branch);
  const token = process.env.GITHUB_TOKEN;
  const outside = openOutside({ ...(rest.through && { through: rest.through }), ...(token && { token }) });

  const news: News[] = [];
  const oldRunner = readLock<RunnerLock>(project, RUNNER_LOCK);
  const runner = only.includes(RUNNER)
    ? await attempt(RUNNER, newRunner(oldRunner, rest, outside))
    : undefined;
  if (runner !== undefined) news.push(write(project, RUNNER_LOCK, runner, [changeOf(runner)]));

  const oldBases = readLock<DownloadsLock>(project, DOWNLOADS_LOCK);
  const bases = await newOnes(BASES, only, oldBases, outside);
  if (Object.keys(bases).length > 0)
    news.push(write(project, DOWNLOADS_LOCK, { ...oldBases, ...bases }, changesOf(bases)));

  const oldMedia = readLock<MediaLock>(project, MEDIA_LOCK);
  const media = await newOnes(MEDIA, only, mapped(oldMedia, ofMedia), outside);
  if (Object.keys(media).length > 0)
    news.push(write(project, MEDIA_LOCK, { ...oldMedia, ...mapped(media, toMedia) }, changesOf(media)));

  if (rest.commit && news.length > 0) commit(project, news, branch);
  return news;
}

async function newOnes(
  finders: Readonly<Record<string, Finder>>,
  only: readonly string[],
  lock: DownloadsLock,
  outside: Outside,
): Promise<DownloadsLock> {
  const news: DownloadsLock = {};
  for (const [name, find] of Object.entries(finders)) {
    if (!only.includes(name)) continue;
    const found = await attempt(name, newDownload(name, find, lock[name], outside));
    if (found !== undefined) news[name] = found;
  }
  return news;
}

function mapped<From, To>(entries: Record<string, From>, change: (entry: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, change(entry)]));
}

async function attempt<Found>(name: string, finding: Promise<Found>): Promise<Found | undefined> {
  try {
    const found = await finding;
    looked += 1;
    return found;
  } catch (error) {
    failures.push(`${name}: ${sentence(error)}`);
    return undefined;
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}

function write(project: string, path: string, lock: object, what: readonly Change[]): News {
  writeLock(project, path, lock);
  return { path, what };
}

function changeOf({ version }: RunnerLock): Change {
  return { name: RUNNER, version, digestFrom: `GitHub's digests of the assets, actions/runner v${version}` };
}
