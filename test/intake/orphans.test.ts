import { describe, expect, onTestFinished, test } from "vitest";
import { closeOrphans } from "../../src/intake/orphans.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { aJob, aJobSeen, minutes, REPO } from "../support/build.ts";
import { fakeClock, settled } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { type FakeGitHub, fakeGitHub } from "../support/ring.ts";

type Parts = { repositories?: string[]; isNew?: boolean; trouble?: (github: FakeGitHub) => void };

/** Check runs 901 to 903 are open, of the jobs 1 to 3: one runs, one is done, and of one GitHub knows nothing any more. */
function anEvilMorning({ repositories = [REPO], isNew = true, trouble }: Parts = {}) {
  const github = fakeGitHub();
  const store = memoryStore();
  const { log, lines } = keptLog();
  github.openChecks.push({ id: 901, job: 1 }, { id: 902, job: 2 }, { id: 903, job: 3 });
  github.jobs.set(1, aJobSeen({ id: 1, status: "running" }));
  github.jobs.set(2, aJobSeen({ id: 2, status: "done", conclusion: "success" }));
  trouble?.(github);
  const clock = fakeClock();
  const parts = { github: github.port, repositories, state: () => store.state, isNew, clock, log };
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const close = () => closeOrphans(parts, stop.signal).first;
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settled();
  };
  return { github, store, lines, close, pass, open: () => github.openChecks.map(({ id }) => id) };
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

  test("are not looked for on a store that knows what was, however often Mayfly starts", async () => {
    const { close, pass, github } = anEvilMorning({ isNew: false });

    await close();
    await pass(minutes(60));

    expect(github.calls("openChecks")).toBe(0);
  });

  test("are not looked for where the App is not installed, but as soon as it is again", async () => {
    const { close, pass, github, store, open } = anEvilMorning({ isNew: false });
    store.state.withoutAccess.add(REPO);
    await close();
    await pass(minutes(60));
    expect(github.calls("openChecks")).toBe(0);

    store.state.withoutAccess.delete(REPO);
    await pass(minutes(1));

    expect(open()).toEqual([901]);
  });

  test("are looked for until that has succeeded once, with a rest after each failure", async () => {
    const { close, pass, github, open } = anEvilMorning({
      trouble: (github) => github.fails("openChecks", new GitHubUnavailable("502")),
    });
    await close();
    await pass(minutes(9));
    expect(github.calls("openChecks")).toBe(1);

    await pass(minutes(2));
    expect(open()).toEqual([901]);
    await pass(minutes(60));

    expect(github.calls("openChecks")).toBe(2);
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
