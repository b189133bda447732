import { afterEach, describe, expect, test } from "vitest";
import { type FileOutcome, followSettingsFiles } from "../../src/intake/settings-file.ts";
import type { FileSeen, RepoFiles, Verdict } from "../../src/ports/files.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { minutes, REPO } from "../support/build.ts";
import { fakeClock, settled } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

const OTHER = "octo/other";
const fileOf = (text: string): FileSeen => ({ size: text.length, bytes: Buffer.from(text) });
const FAULT = { line: 2, text: "This is wrong." };

/** A file that begins with `bad` has a fault. */
const read = (_repo: string, seen: FileSeen): FileOutcome => {
  if (seen === "none") return "none";
  const settings = seen === "no-file" ? "" : Buffer.from(seen.bytes).toString();
  return { settings, faults: settings.startsWith("bad") ? [FAULT] : [] };
};

type Parts = { repositories?: string[]; commits?: Record<string, string>; trouble?: (hub: Hub) => void };
type Hub = ReturnType<typeof fakeFiles>;

/** Files by commit, and the last commit of each repository. */
function fakeFiles() {
  const last = new Map<string, string | "forbidden">();
  const files = new Map<string, FileSeen>();
  const said: { repo: string; sha: string; verdict: Verdict }[] = [];
  const failures: { verb: keyof RepoFiles; error: Error }[] = [];
  const calls: (keyof RepoFiles)[] = [];
  const call = async (verb: keyof RepoFiles) => {
    calls.push(verb);
    const index = failures.findIndex((failure) => failure.verb === verb);
    if (index >= 0) throw failures.splice(index, 1)[0]?.error;
  };
  const port: RepoFiles = {
    async lastChange(repo) {
      await call("lastChange");
      return last.get(repo) ?? "none";
    },
    async fileAt(_repo, _path, sha) {
      await call("fileAt");
      return files.get(sha) ?? "none";
    },
    async judge(repo, sha, verdict) {
      await call("judge");
      said.push({ repo, sha, verdict });
    },
  };
  const commit = (sha: string, text?: string, repo = REPO) => {
    last.set(repo, sha);
    if (text !== undefined) files.set(sha, fileOf(text));
  };
  const fails = (verb: keyof RepoFiles, error: Error) => void failures.push({ verb, error });
  const count = (verb: keyof RepoFiles) => calls.filter((made) => made === verb).length;
  return { port, last, files, said, commit, fails, calls: count };
}

async function following({ repositories = [REPO], trouble }: Parts = {}) {
  const hub = fakeFiles();
  trouble?.(hub);
  const clock = fakeClock();
  const store = memoryStore();
  const { log, lines } = keptLog();
  const noted: { repo: string; sha: string | undefined; outcome: FileOutcome }[] = [];
  const note = async (repo: string, sha: string | undefined, outcome: FileOutcome) =>
    void noted.push({ repo, sha, outcome });
  const timing = { everyMs: minutes(5), clock, log };
  const parts = { files: hub.port, repositories, state: () => store.state, read, note, ...timing };
  const { look, first } = followSettingsFiles(parts, stop.signal);
  await first;
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settled();
  };
  return { hub, store, noted, lines, look, pass };
}

describe("a settings file", () => {
  test("is read at the start, and its commit is told that it is in force", async () => {
    const { hub, noted } = await following({ trouble: (it) => it.commit("c1", "good") });

    expect(noted).toEqual([{ repo: REPO, sha: "c1", outcome: { settings: "good", faults: [] } }]);
    expect(hub.said).toMatchObject([{ repo: REPO, sha: "c1", verdict: { conclusion: "success" } }]);
  });

  test("with faults is told on its commit, each at its line", async () => {
    const { hub, noted } = await following({ trouble: (it) => it.commit("c1", "bad") });

    expect(noted).toMatchObject([{ sha: "c1", outcome: { faults: [FAULT] } }]);
    expect(hub.said).toMatchObject([
      {
        sha: "c1",
        verdict: {
          conclusion: "failure",
          title: "One fault: not in force",
          summary: expect.stringContaining("line 2: This is wrong."),
          notes: [{ path: ".github/mayfly.yml", ...FAULT }],
        },
      },
    ]);
  });

  test("that does not change costs one question every five minutes, and nothing else", async () => {
    const { hub, noted, pass } = await following({ trouble: (it) => it.commit("c1", "good") });

    await pass(minutes(5));
    await pass(minutes(5));

    expect([hub.calls("lastChange"), hub.calls("fileAt"), hub.calls("judge")]).toEqual([3, 1, 1]);
    expect(noted).toHaveLength(1);
  });

  test("is read again when another commit was the last to change it", async () => {
    const { hub, noted, look } = await following({ trouble: (it) => it.commit("c1", "good") });

    hub.commit("c2", "better");
    await look("OCTO/spinw");

    expect(noted.map(({ sha }) => sha)).toEqual(["c1", "c2"]);
    expect(hub.said.map(({ sha }) => sha)).toEqual(["c1", "c2"]);
  });

  test("that is not there is noted as such, and said nowhere", async () => {
    const { hub, noted, look } = await following();
    hub.commit("c1", "good");
    await look(REPO);

    hub.commit("c2");
    await look(REPO);

    expect(noted.map(({ sha, outcome }) => [sha, outcome === "none"])).toEqual([
      [undefined, true],
      ["c1", false],
      ["c2", true],
    ]);
    expect(hub.said.map(({ sha }) => sha)).toEqual(["c1"]);
  });

  test("does not count where the App may not read files, which the log says once", async () => {
    const { noted, lines, pass } = await following({
      trouble: (it) => void it.last.set(REPO, "forbidden"),
    });
    await pass(minutes(5));

    expect(noted).toEqual([{ repo: REPO, sha: undefined, outcome: "none" }]);
    expect(lines.filter(({ msg }) => String(msg).includes("mayfly doctor"))).toHaveLength(1);
  });

  test("is not looked at where the App is not installed", async () => {
    const { hub, store, look } = await following();
    store.state.withoutAccess.add(REPO);

    await look(REPO);

    expect(hub.calls("lastChange")).toBe(1);
  });

  test("is in force although its commit could not be told, which is tried again", async () => {
    const { hub, noted, pass, lines } = await following({
      trouble: (it) => {
        it.commit("c1", "good");
        it.fails("judge", new GitHubUnavailable("502"));
      },
    });
    expect(noted).toHaveLength(1);
    expect(lines).toMatchObject([{ repo: REPO, msg: "the settings file could not be looked at" }]);

    await pass(minutes(5));

    expect(hub.said).toHaveLength(1);
    expect(noted).toHaveLength(1);
  });

  test("that could not be read is tried again, and hides no other repository's", async () => {
    const { noted, pass } = await following({
      repositories: [OTHER, REPO],
      trouble: (it) => {
        it.commit("c1", "good", OTHER);
        it.commit("c2", "good");
        it.fails("fileAt", new GitHubUnavailable("502"));
      },
    });
    expect(noted.map(({ repo }) => repo)).toEqual([REPO]);

    await pass(minutes(5));

    expect(noted.map(({ repo }) => repo)).toEqual([REPO, OTHER]);
  });

  test("that a webhook tells of has the webhook wait when GitHub cannot be asked", async () => {
    const { hub, look } = await following();
    hub.fails("lastChange", new GitHubUnavailable("limited", { retryAt: 1 }));

    await expect(look(REPO)).rejects.toThrow("limited");
    await expect(look(REPO)).resolves.toBeUndefined();
  });

  test("is looked at by one at a time, so that an older answer never comes last", async () => {
    const { hub, noted, look } = await following();
    hub.commit("c1", "good");
    const first = look(REPO);
    const second = look(REPO);
    hub.commit("c2", "better");
    await Promise.all([first, second]);

    expect(noted.at(-1)?.sha).toBe("c2");
    expect(hub.calls("fileAt")).toBeLessThanOrEqual(2);
  });

  test("of a repository that is not served is left alone", async () => {
    const { hub, look } = await following();

    await look("octo/unknown");

    expect(hub.calls("lastChange")).toBe(1);
  });
});
