import { describe, expect, test } from "vitest";
import { closeOrphans } from "../../src/intake/orphans.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { aJob, aJobSeen, REPO } from "../support/build.ts";
import { fakeClock, settled } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { type FakeGitHub, fakeGitHub } from "../support/ring.ts";

type Parts = { repositories?: string[]; trouble?: (github: FakeGitHub) => void };

/** Check runs 901 to 903 are open, of the jobs 1 to 3: one runs, one is done, and of one GitHub knows nothing any more. */
function anEvilMorning({ repositories = [REPO], trouble }: Parts = {}) {
  const github = fakeGitHub();
  const store = memoryStore();
  const { log, lines } = keptLog();
  github.openChecks.push({ id: 901, job: 1 }, { id: 902, job: 2 }, { id: 903, job: 3 });
  github.jobs.set(1, aJobSeen({ id: 1, status: "running" }));
  github.jobs.set(2, aJobSeen({ id: 2, status: "done", conclusion: "success" }));
  trouble?.(github);
  const parts = { github: github.port, repositories, state: () => store.state, clock: fakeClock(), log };
  const close = () => closeOrphans(parts, new AbortController().signal);
  return { github, store, lines, close, open: () => github.openChecks.map(({ id }) => id) };
}

describe("check runs that a lost store has left open", () => {
  test("are closed when their job is over, or gone, and no others", async () => {
    const { close, open } = anEvilMorning();

    await close();

    expect(open()).toEqual([901]);
  });

  test("are left to whoever knows their job", async () => {
    const { close, open, store, github } = anEvilMorning();
    store.state.jobs.set(2, aJob({ id: 2, status: "done" }));

    await close();

    expect(open()).toEqual([901, 902]);
    expect(github.calls("job")).toBe(2);
  });

  test("are left alone when a webhook tells of their job at the last moment", async () => {
    const { close, open, store, github } = anEvilMorning();
    const goOn = github.waits("job");
    const closed = close();
    await settled();
    store.state.jobs.set(1, aJob({ id: 1 }));
    github.jobs.set(1, aJobSeen({ id: 1, status: "done" }));
    goOn();
    await closed;

    expect(open()).toEqual([901]);
  });

  test("are not looked for where the App is not installed", async () => {
    const { close, github, store } = anEvilMorning();
    store.state.withoutAccess.add(REPO);

    await close();

    expect(github.calls("openChecks")).toBe(0);
  });

  test("of a repository that cannot be asked do not hide those of the next", async () => {
    const { close, open, lines } = anEvilMorning({
      repositories: ["octo/broken", REPO],
      trouble: (github) => github.fails("openChecks", new GitHubUnavailable("502")),
    });

    await close();

    expect(open()).toEqual([901]);
    expect(lines[0]).toMatchObject({
      repo: "octo/broken",
      msg: "check runs left open could not be closed",
    });
  });
});
