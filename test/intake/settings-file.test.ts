import { afterEach, describe, expect, test } from "vitest";
import { readRepositoryFile } from "../../src/config/repository-file.ts";
import type { Fact } from "../../src/core/facts.ts";
import { inForce } from "../../src/core/settings.ts";
import type { Repository } from "../../src/core/types.ts";
import { followSettingsFiles } from "../../src/intake/settings-file.ts";
import type { FileSeen, RepoFiles, Verdict } from "../../src/ports/files.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { aRepository, aWorld, minutes, NOW, REPO, seconds } from "../support/build.ts";
import { fakeClock, settled } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

const OTHER = "octo/other";
const GOOD = "machines: 3\n";
const BETTER = "machines: 4\n";
const BAD = "machines: 2\npaused: perhaps\n";
const FAULT = { line: 2, text: 'paused must be true or false, not "perhaps".' };
const fileOf = (text: string): FileSeen => ({ size: text.length, bytes: Buffer.from(text) });

type Parts = { trouble?: (hub: Hub) => void; before?: Fact[]; repositories?: Partial<Repository>[] };
type Hub = ReturnType<typeof fakeFiles>;

/** Files by commit, and the last commit of each repository. */
function fakeFiles() {
  const last = new Map<string, string | "forbidden">();
  const files = new Map<string, FileSeen>();
  const said: { repo: string; sha: string; verdict: Verdict }[] = [];
  const failures: { verb: keyof RepoFiles; error: Error }[] = [];
  const calls: (keyof RepoFiles)[] = [];
  const gates = new Map<keyof RepoFiles, Promise<void>>();
  const call = async (verb: keyof RepoFiles) => {
    calls.push(verb);
    await gates.get(verb);
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
  /** Holds the calls of a verb until the answer is called. */
  const waits = (verb: keyof RepoFiles) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gates.set(verb, promise);
    return resolve;
  };
  const count = (verb: keyof RepoFiles) => calls.filter((made) => made === verb).length;
  return { port, last, files, said, commit, fails, waits, calls: count };
}

/** Follows the files of the repositories, all of the same catalogue. */
async function following({ trouble, before = [], repositories = [{}] }: Parts = {}) {
  const hub = fakeFiles();
  trouble?.(hub);
  const clock = fakeClock();
  const store = memoryStore();
  await store.record(before);
  const { log, lines } = keptLog();
  const { catalogue } = aWorld({ catalogue: { repositories: repositories.map(aRepository) } });
  const noted: Fact[] = [];
  const record = async (facts: readonly Fact[]) => {
    noted.push(...facts);
    await store.record(facts);
  };
  let rings = 0;
  const ring = () => {
    rings += 1;
  };
  const parts = { files: hub.port, catalogue, state: () => store.state, record, parse: readRepositoryFile };
  const timing = { everyMs: minutes(5), clock, ring, log };
  const { look, first } = followSettingsFiles({ ...parts, ...timing }, stop.signal);
  await first;
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settled();
  };
  const inForceNow = () => inForce(store.state.settings, REPO);
  return { hub, store, noted, lines, look, pass, inForce: inForceNow, rings: () => rings };
}

const saved: Fact = {
  kind: "settings-saved",
  at: NOW,
  repo: REPO,
  settings: { machines: 9 },
  version: 1,
  by: "mona",
};

describe("a settings file", () => {
  test("is in force from the start, before the page, and its commit says so", async () => {
    const { hub, inForce, rings } = await following({
      before: [saved],
      trouble: (it) => it.commit("c1", GOOD),
    });

    expect(inForce()).toEqual({ from: "file", settings: { machines: 3 } });
    expect(hub.said).toMatchObject([{ repo: REPO, sha: "c1", verdict: { conclusion: "success" } }]);
    expect(rings()).toBe(1);
  });

  test("with faults leaves what was in force, and its commit tells each at its line", async () => {
    const { hub, look, inForce, store } = await following({ trouble: (it) => it.commit("c1", GOOD) });

    hub.commit("c2", BAD);
    await look(REPO);

    expect(inForce().settings).toEqual({ machines: 3 });
    expect(store.state.settings.get(REPO)?.file).toMatchObject({ sha: "c2", faults: [FAULT] });
    expect(hub.said.at(-1)).toMatchObject({
      sha: "c2",
      verdict: {
        conclusion: "failure",
        title: "One fault: not in force",
        summary: expect.stringContaining(`line 2: ${FAULT.text}`),
        notes: [{ path: ".github/mayfly.yml", ...FAULT }],
      },
    });
  });

  test("that asks for more than the operator allows has faults, too, in the order of its lines", async () => {
    const text = "forks: allow\nimages:\n  plan: { hot: 1 }\n  plain:\n    labels: [linux]\nmachines: 6\n";
    const { store } = await following({
      repositories: [{ machines: 5, forks: "approve" }],
      trouble: (it) => it.commit("c1", text),
    });

    expect(store.state.settings.get(REPO)?.file?.faults?.map(({ line }) => line)).toEqual([1, 3, 5, 6]);
  });

  test("may be something else than a file, which is a fault", async () => {
    const { hub, inForce } = await following({
      trouble: (it) => {
        it.commit("c1");
        it.files.set("c1", "no-file");
      },
    });

    expect(inForce().from).toBe("catalogue");
    expect(hub.said).toMatchObject([{ sha: "c1", verdict: { conclusion: "failure" } }]);
  });

  test("that does not change costs one question every five minutes, and nothing else", async () => {
    const { hub, noted, pass } = await following({ trouble: (it) => it.commit("c1", GOOD) });

    await pass(minutes(5));
    await pass(minutes(5));

    expect([hub.calls("lastChange"), hub.calls("fileAt"), hub.calls("judge")]).toEqual([3, 1, 1]);
    expect(noted).toHaveLength(1);
  });

  test("is read again when another commit was the last to change it", async () => {
    const { hub, look, inForce } = await following({ trouble: (it) => it.commit("c1", GOOD) });

    hub.commit("c2", BETTER);
    await look("OCTO/spinw");

    expect(inForce().settings).toEqual({ machines: 4 });
    expect(hub.said.map(({ sha }) => sha)).toEqual(["c1", "c2"]);
  });

  test("is read again at the next start, and written down only if something else comes of it", async () => {
    const file: Fact = { kind: "settings-file", at: NOW, repo: REPO, sha: "c1", settings: { machines: 3 } };
    const same = await following({ before: [file], trouble: (it) => it.commit("c1", GOOD) });
    const narrower = await following({
      before: [file],
      repositories: [{ machines: 2 }],
      trouble: (it) => it.commit("c1", GOOD),
    });

    expect([same.noted, same.rings()]).toEqual([[], 0]);
    expect(narrower.noted).toMatchObject([{ kind: "settings-file", sha: "c1", faults: [{ line: 1 }] }]);
    expect(narrower.hub.said).toMatchObject([{ sha: "c1", verdict: { conclusion: "failure" } }]);
  });

  test("that is gone gives way to the page once a second look agrees, and no commit says anything", async () => {
    const { hub, look, inForce, pass } = await following({
      before: [saved],
      trouble: (it) => it.commit("c1", GOOD),
    });

    hub.commit("c2");
    await look(REPO);
    expect(inForce().from).toBe("file");
    await pass(seconds(10));

    expect(inForce()).toEqual({ from: "page", settings: { machines: 9 } });
    expect(hub.said.map(({ sha }) => sha)).toEqual(["c1"]);
  });

  test("that never was writes nothing down", async () => {
    const { hub, noted } = await following();

    expect(noted).toEqual([]);
    expect([hub.calls("fileAt"), hub.calls("judge")]).toEqual([0, 0]);
  });

  test("stays in force where the App may not read files any more, which the log says once", async () => {
    const { hub, look, inForce, lines, pass } = await following({
      before: [saved],
      trouble: (it) => it.commit("c1", GOOD),
    });

    hub.last.set(REPO, "forbidden");
    await look(REPO);
    await pass(minutes(5));

    expect(inForce().from).toBe("file");
    expect(lines.filter(({ msg }) => String(msg).includes("mayfly doctor"))).toHaveLength(1);
  });

  test("is not looked at where the App is not installed", async () => {
    const { hub, store, look } = await following();
    store.state.withoutAccess.add(REPO);

    await look(REPO);

    expect(hub.calls("lastChange")).toBe(1);
  });

  test("is in force although its commit could not be told, which is tried again", async () => {
    const { hub, noted, pass, lines, inForce } = await following({
      trouble: (it) => {
        it.commit("c1", GOOD);
        it.fails("judge", new GitHubUnavailable("502"));
      },
    });
    expect(inForce().from).toBe("file");
    expect(lines).toContainEqual(
      expect.objectContaining({ repo: REPO, msg: "the settings file could not be looked at" }),
    );

    await pass(minutes(5));

    expect(hub.said).toHaveLength(1);
    expect(noted).toHaveLength(1);
  });

  test("that could not be read is tried again, and hides no other repository's", async () => {
    const { store, pass } = await following({
      repositories: [{ name: OTHER }, {}],
      trouble: (it) => {
        it.commit("c1", GOOD, OTHER);
        it.commit("c2", GOOD);
        it.fails("fileAt", new GitHubUnavailable("502"));
      },
    });
    expect([...store.state.settings.keys()]).toEqual([REPO]);

    await pass(minutes(5));

    expect([...store.state.settings.keys()]).toEqual([REPO, OTHER]);
  });

  test("that a webhook tells of has the webhook wait when GitHub cannot be asked", async () => {
    const { hub, look } = await following();
    hub.fails("lastChange", new GitHubUnavailable("limited", { retryAt: 1 }));

    await expect(look(REPO)).rejects.toThrow("limited");
    await expect(look(REPO)).resolves.toBeUndefined();
  });

  test("is looked at by one at a time, so that an older answer never comes last", async () => {
    const { hub, look, inForce } = await following();
    hub.commit("c1", GOOD);
    const goOn = hub.waits("fileAt");
    const first = look(REPO);
    await settled();
    hub.commit("c2", BETTER);
    const second = look(REPO);
    await settled();
    goOn();
    await Promise.all([first, second]);

    expect(inForce().settings).toEqual({ machines: 4 });
  });

  test("of a repository that is not served is left alone", async () => {
    const { hub, look } = await following();

    await look("octo/unknown");

    expect(hub.calls("lastChange")).toBe(1);
  });
});
