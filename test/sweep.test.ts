import { afterEach, describe, expect, test } from "vitest";
import type { Job, JobSeen } from "../src/core/types.ts";
import { sweepJobs } from "../src/intake/sweep.ts";
import { GitHubUnavailable } from "../src/ports.ts";
import { memoryStore } from "../src/store/memory.ts";
import { aJob, aJobSeen, M1, minutes, NOW, REPO, seconds } from "./support/build.ts";
import { fakeClock, settled } from "./support/clock.ts";
import { keptLog } from "./support/log.ts";
import { type FakeGitHub, fakeGitHub } from "./support/ring.ts";

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

type Parts = {
  /** Jobs that GitHub has. */
  theirs?: JobSeen[];
  /** Jobs that Mayfly knows of. */
  ours?: Job[];
  closed?: number[];
  repositories?: string[];
  everyMs?: number;
  trouble?: (github: FakeGitHub) => void;
};

/** Sweeps in the background, on a clock that stands. */
function sweeping(parts: Parts = {}) {
  const { theirs = [], ours = [], closed = [], repositories = [REPO], everyMs, trouble } = parts;
  const clock = fakeClock();
  const github = fakeGitHub();
  const store = memoryStore();
  for (const repo of repositories) github.installed.add(repo);
  trouble?.(github);
  for (const id of closed) store.state.closed.add(id);
  const kept = keptLog();
  for (const job of theirs) github.jobs.set(job.id, job);
  for (const job of ours) store.state.jobs.set(job.id, job);
  let rings = 0;
  const { ended, soon, first } = sweepJobs(
    {
      github: github.port,
      repositories,
      state: () => store.state,
      record: store.record,
      clock,
      ring: () => {
        rings += 1;
      },
      log: kept.log,
      ...(everyMs === undefined ? {} : { everyMs }),
    },
    stop.signal,
  );
  const known = (id = 1) => store.state.jobs.get(id);
  return { clock, github, store, kept, ended, soon, first, known, rings: () => rings };
}

const old = { queuedAt: NOW - minutes(30) };

describe("a sweep", () => {
  test("at the start finds the jobs whose webhooks never came, and rings", async () => {
    const { known, rings } = sweeping({
      theirs: [aJobSeen(), aJobSeen({ id: 2, status: "running", ranOn: M1 })],
    });
    await settled();

    expect(known(1)?.status).toBe("queued");
    expect(known(2)).toMatchObject({ status: "running", ranOn: M1 });
    expect(rings()).toBe(1);
  });

  test("comes again every five minutes", async () => {
    const { clock, github, known } = sweeping();
    await settled();
    github.jobs.set(1, aJobSeen());

    await clock.advance(minutes(5) - 1);
    expect(known()).toBeUndefined();
    await clock.advance(1);
    await settled();
    expect(known()?.status).toBe("queued");
  });

  test("writes and rings nothing when there is nothing new, so that the history does not grow", async () => {
    const { store, rings } = sweeping({ theirs: [aJobSeen()], ours: [aJob()] });
    await settled();

    expect(await store.history({ job: 1 })).toEqual([]);
    expect(rings()).toBe(0);
  });

  test("learns the name of a runner that a webhook lacked", async () => {
    const seen = { status: "running", ...old } as const;
    const { known } = sweeping({ theirs: [aJobSeen({ ...seen, ranOn: M1 })], ours: [aJob(seen)] });
    await settled();

    expect(known()?.ranOn).toBe(M1);
  });

  test("looks up each job that is not among the open ones any more", async () => {
    const done = aJobSeen({ ...old, status: "done", conclusion: "success" });
    const { known, github } = sweeping({
      theirs: [done],
      ours: [aJob({ ...old, status: "running" }), aJob({ ...old, id: 2 })],
    });
    await settled();

    expect(known(1)).toMatchObject({ status: "done", conclusion: "success" });
    expect(known(2)).toMatchObject({ status: "done", conclusion: "gone" });
    expect(github.calls("job")).toBe(2);
  });

  test("looks up a job that the list lacks however young it is: it may have run while nobody listened", async () => {
    const young = { queuedAt: NOW - seconds(5) };
    const { known } = sweeping({
      theirs: [aJobSeen({ ...young, status: "done" })],
      ours: [aJob(young)],
    });
    await settled();

    expect(known()?.status).toBe("done");
  });

  test("does not believe that a job is gone which was queued a moment ago: the API may lag", async () => {
    const { clock, known } = sweeping({ ours: [aJob({ queuedAt: NOW - seconds(59) })] });
    await settled();
    expect(known()?.status).toBe("queued");

    await clock.advance(minutes(5));
    await settled();
    expect(known()).toMatchObject({ status: "done", conclusion: "gone" });
  });

  test("does not look up jobs that are done", async () => {
    const { github } = sweeping({ ours: [aJob({ ...old, status: "done" })] });
    await settled();

    expect(github.calls("job")).toBe(0);
  });

  test("looks up the open jobs of a repository that left the catalogue: nobody else would tell of their end", async () => {
    const left = { ...old, repo: "octo/left" };
    const { github, known } = sweeping({
      theirs: [aJobSeen({ ...left, status: "done", conclusion: "success" })],
      ours: [aJob(left), aJob({ ...left, id: 2 })],
    });
    await settled();

    expect(known(1)).toMatchObject({ status: "done", conclusion: "success" });
    expect(known(2)).toMatchObject({ status: "done", conclusion: "gone" });
    expect(github.calls("openJobs")).toBe(1);
  });

  test("does not take a running job for gone where its repository is perhaps only hidden", async () => {
    const { known } = sweeping({ ours: [aJob({ ...old, repo: "octo/left", status: "running" })] });
    await settled();

    expect(known()?.status).toBe("running");
  });

  test("knows a repository also in another spelling", async () => {
    const { known } = sweeping({ ours: [aJob({ ...old, repo: "Octo/SpinW" })] });
    await settled();

    expect(known()?.status).toBe("done");
  });

  test("does not open a closed job again", async () => {
    const { store } = sweeping({ theirs: [aJobSeen({ status: "running" })], closed: [1] });
    await settled();

    expect(store.state.jobs.size).toBe(0);
    expect(await store.history({ job: 1 })).toEqual([]);
  });

  test("of one repository that fails does not keep the others from theirs", async () => {
    const { known, kept } = sweeping({
      theirs: [aJobSeen()],
      repositories: ["octo/broken", REPO],
      trouble: (github) => github.fails("openJobs", new GitHubUnavailable("502")),
    });
    await settled();

    expect(known()?.status).toBe("queued");
    expect(kept.lines).toMatchObject([{ repo: "octo/broken", msg: "the open jobs could not be listed" }]);
  });

  test("keeps what was listed before a limit", async () => {
    const limit = new GitHubUnavailable("limited", { retryAt: NOW + minutes(1) });
    const { known } = sweeping({
      trouble: ({ port }) => {
        port.openJobs = async (_repo, _signal, found) => {
          await found?.([aJobSeen()]);
          throw limit;
        };
      },
    });
    await settled();

    expect(known()?.status).toBe("queued");
  });

  test("keeps what was listed when a look-up fails, and looks up again the next time", async () => {
    const { clock, known } = sweeping({
      theirs: [aJobSeen()],
      ours: [aJob({ ...old, id: 2 }), aJob({ ...old, id: 3 })],
      trouble: (github) => github.fails("job", new GitHubUnavailable("502")),
    });
    await settled();
    expect(known(1)?.status).toBe("queued");

    await clock.advance(minutes(5));
    await settled();
    expect([known(2)?.status, known(3)?.status]).toEqual(["done", "done"]);
  });

  test("goes on with the other jobs when GitHub stumbles over one of them", async () => {
    const { known, kept } = sweeping({
      ours: [aJob({ ...old, id: 2 }), aJob({ ...old, id: 3 })],
      trouble: (github) => github.fails("job", new GitHubUnavailable("500")),
    });
    await settled();

    expect(known(2)?.status).toBe("queued");
    expect(known(3)?.status).toBe("done");
    expect(kept.lines).toMatchObject([{ job: 2, msg: "a job could not be looked up" }]);
  });

  test("asks no more when GitHub stumbles over three in a row", async () => {
    const { github } = sweeping({
      ours: [2, 3, 4, 5].map((id) => aJob({ ...old, id })),
      trouble: (github) => {
        for (let time = 0; time < 3; time += 1) github.fails("job", new GitHubUnavailable("500"));
      },
    });
    await settled();

    expect(github.calls("job")).toBe(3);
  });

  test("that gets no answer goes on after a minute", async () => {
    const { clock, known } = sweeping({
      theirs: [aJobSeen()],
      repositories: ["octo/silent", REPO],
      trouble: (github) => void github.waits("openJobs"),
    });
    await settled();
    expect(known()).toBeUndefined();

    await clock.advance(minutes(1));
    await settled();
    expect(known()?.status).toBe("queued");
  });

  test("ends when it is told to, also while it waits", async () => {
    const { ended, github, clock } = sweeping();
    await settled();

    stop.abort();

    await expect(ended).resolves.toBeUndefined();
    await clock.advance(minutes(60));
    expect(github.calls("openJobs")).toBe(1);
  });

  test("that is rung for comes at once, but not without a pause", async () => {
    const { clock, github, soon } = sweeping();
    await settled();

    soon();
    soon();
    await clock.advance(seconds(5) - 1);
    await settled();
    expect(github.calls("openJobs")).toBe(1);
    await clock.advance(1);
    await settled();
    expect(github.calls("openJobs")).toBe(2);
  });

  test("tells when the first round is over", async () => {
    const { first, known } = sweeping({ theirs: [aJobSeen()] });

    await first;

    expect(known()?.status).toBe("queued");
  });

  test("comes as often as it is told to", async () => {
    const { clock, github } = sweeping({ everyMs: seconds(30) });
    await settled();

    await clock.advance(seconds(90));
    await settled();

    expect(github.calls("openJobs")).toBe(4);
  });
});

describe("a sweep of many repositories", () => {
  const repositories = Array.from({ length: 20 }, (_, index) => `octo/${index}`);

  test("asks about all of them at the start", async () => {
    const { github } = sweeping({ repositories });
    await settled();

    expect(github.calls("openJobs")).toBe(20);
  });

  test("asks about one after the other later on", async () => {
    const { clock, github } = sweeping({ repositories });
    await settled();
    await clock.advance(minutes(5));
    await settled();
    expect(github.calls("openJobs")).toBe(21);

    await clock.advance(seconds(9));
    await settled();
    expect(github.calls("openJobs")).toBe(30);
  });

  test("is through in half its time, however many they are", async () => {
    const { clock, github } = sweeping({ repositories, everyMs: seconds(10) });
    await settled();
    await clock.advance(seconds(15));
    await settled();

    expect(github.calls("openJobs")).toBe(40);
  });

  test("begins with those that a limit kept from being asked the last time", async () => {
    const asked: string[] = [];
    const { clock } = sweeping({
      repositories: ["octo/one", "octo/two", "octo/three"],
      trouble: ({ port }) => {
        port.openJobs = async (repo) => {
          asked.push(repo);
          if (asked.length % 2 === 0)
            throw new GitHubUnavailable("limited", { retryAt: clock.now() + seconds(30) });
          return [];
        };
      },
    });
    await settled();
    await clock.advance(minutes(6));
    await settled();

    expect(asked).toEqual(["octo/one", "octo/two", "octo/two", "octo/three"]);
  });

  test("leaves those alone whose owner's installation is limited, and no others", async () => {
    const limit = new GitHubUnavailable("limited", { retryAt: NOW + minutes(7) });
    const { clock, github, known } = sweeping({
      theirs: [aJobSeen({ repo: "other/one" })],
      ours: [aJob({ ...old, id: 5, repo: "Octo/left" })],
      repositories: ["octo/one", "octo/two", "other/one"],
      trouble: (it) => it.fails("openJobs", limit),
    });
    await settled();
    expect(known(1)?.status).toBe("queued");
    expect([github.calls("openJobs"), github.calls("job")]).toEqual([2, 0]);

    await clock.advance(minutes(6));
    await settled();
    expect(github.calls("openJobs")).toBe(3);

    await clock.advance(minutes(5));
    await settled();
    expect(github.calls("openJobs")).toBe(6);
  });
});

describe("where the App is installed", () => {
  const access = (github: FakeGitHub, granted: boolean) => {
    for (const set of [github.installed, github.inTruth])
      if (granted) set.add(REPO);
      else set.delete(REPO);
  };

  test("is written down when it changes, in both ways, and rings", async () => {
    const { clock, github, store, rings } = sweeping();
    await settled();
    expect([...store.state.withoutAccess]).toEqual([]);

    access(github, false);
    await clock.advance(minutes(5));
    await settled();
    expect([...store.state.withoutAccess]).toEqual([REPO]);
    expect(rings()).toBe(1);

    access(github, true);
    await clock.advance(minutes(5));
    await settled();
    expect([...store.state.withoutAccess]).toEqual([]);
    expect(rings()).toBe(2);
  });

  test("is written down once, not with each look", async () => {
    const { clock, rings, github } = sweeping({ trouble: (it) => access(it, false) });
    await settled();

    await clock.advance(minutes(15));
    await settled();

    expect(rings()).toBe(1);
    expect(github.calls("isInstalled")).toBe(1);
  });

  test("is not believed of a list that lacks a repository by a slip", async () => {
    const { store, github } = sweeping({ trouble: (it) => void it.installed.clear() });
    await settled();

    expect([...store.state.withoutAccess]).toEqual([]);
    expect(github.calls("openJobs")).toBe(1);
  });

  test("stays what it was when it could not be asked, and the jobs are looked at all the same", async () => {
    const { store, known, kept } = sweeping({
      theirs: [aJobSeen()],
      trouble: (it) => {
        it.installed.clear();
        it.fails("installed", new GitHubUnavailable("502"));
      },
    });
    await settled();

    expect([...store.state.withoutAccess]).toEqual([]);
    expect(known()?.status).toBe("queued");
    expect(kept.lines).toMatchObject([{ msg: "where the App is installed could not be asked" }]);
  });

  test("stays what it was, too, when the repository itself could not be asked about", async () => {
    const { store } = sweeping({
      trouble: (it) => {
        access(it, false);
        it.fails("isInstalled", new GitHubUnavailable("502"));
      },
    });
    await settled();

    expect([...store.state.withoutAccess]).toEqual([]);
  });

  test("is noticed of one repository when another could not be asked about", async () => {
    const { store } = sweeping({
      repositories: ["octo/broken", REPO],
      trouble: (it) => {
        access(it, false);
        it.installed.clear();
        it.fails("isInstalled", new GitHubUnavailable("403"));
      },
    });
    await settled();

    expect([...store.state.withoutAccess]).toEqual([REPO]);
  });

  test("does not depend on the spelling", async () => {
    const { store } = sweeping({
      repositories: ["Octo/SpinW"],
      trouble: (it) => void it.installed.delete("Octo/SpinW"),
    });
    await settled();

    expect([...store.state.withoutAccess]).toEqual([]);
  });

  test("decides which repositories are swept", async () => {
    const { github } = sweeping({ ours: [aJob(old)], trouble: (it) => access(it, false) });
    await settled();

    expect([github.calls("openJobs"), github.calls("job")]).toEqual([0, 0]);
  });
});
