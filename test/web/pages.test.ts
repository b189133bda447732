import { afterEach, describe, expect, test } from "vitest";
import type { Fact } from "../../src/core/facts.ts";
import { aRunSeen, hours, M1, M2, minutes, NOW, seconds } from "../support/build.ts";
import { created, failed, heldNext, savedSettings, seen, seenRun } from "../support/facts.ts";
import { type Desk, type DeskOptions, startDesk } from "./desk.ts";

let desk: Desk;

afterEach(() => desk.close());

/** A browser in which that person has signed in. */
async function signedIn(login: string, options: DeskOptions = {}) {
  desk = await startDesk(options);
  const browser = desk.browser();
  await browser.signIn(login);
  return browser;
}

const EVIL = `<img src=x onerror="alert(1)">'&`;
const SECRET: Partial<Parameters<typeof seen>[1]> = { repo: "octo/secret", name: "a secret job" };
/** A fork's job, in a repository where such jobs wait for approval. */
const FORK = {
  repository: { forks: "approve" as const },
  facts: [seen(1, { isPublic: true }), seenRun(100)],
};
const givenUp: Fact = { kind: "job-given-up", at: NOW, job: 1, cause: "3 machines failed." };

describe("the status page", () => {
  test("shows an operator hosts, queue and machines", async () => {
    const browser = await signedIn("octocat", {
      facts: [seen(1), created(M1, 1), seen(2, { name: "docs" })],
    });

    const page = await browser.text("/");

    expect(page).toContain("1 booting, 1 in the queue");
    expect(page).toContain('<a href="/jobs/2">docs</a>');
    expect(page).toContain(`<a href="/machines/${M1}">${M1}</a>`);
    expect(page).toContain("7 of 8 CPUs free");
    expect(page).toContain("Drain lab2");
  });

  test("shows an operator that a repository's own admins paused it", async () => {
    const browser = await signedIn("octocat", { facts: [savedSettings({ paused: true })] });

    expect(await browser.text("/")).toContain("paused by its settings");
  });

  test("shows a maintainer the jobs of the repositories in which they have a right, and no others", async () => {
    const facts = [seen(1, { name: "mine" }), seen(2, SECRET), created(M1, 1)];
    const browser = await signedIn("mona", { facts });

    const page = await browser.text("/");

    expect(page).toContain("mine");
    expect(page).toContain(M1);
    expect(page).not.toContain("secret");
    expect(page).not.toContain("Drain");
  });

  test("shows somebody without any right nothing", async () => {
    const browser = await signedIn("hubot", { facts: [seen(1), created(M1, 1)] });

    const page = await browser.text("/");

    expect(page).toContain("All quiet");
    expect(page).not.toContain("octo/");
  });

  test("guesses how long a job waits, from what was usual", async () => {
    const past = ["a", "b", "c"].flatMap((letter, index) => machineLife(`mayfly-lab-plain-${letter}`, index));
    const browser = await signedIn("octocat", { facts: [...past, seen(1)] });

    expect(await browser.text("/")).toContain("likely wait: about 40 s");
  });

  test("guesses nothing from nothing", async () => {
    const browser = await signedIn("octocat", { facts: [seen(1)] });

    expect(await browser.text("/")).not.toContain("likely wait");
  });

  test("shows what failed lately, and what operators did", async () => {
    const browser = await signedIn("octocat", { facts: [seen(1), created(M1, 1), failed(M1)] });
    await browser.post("/hosts/lab2/drain");

    const page = await browser.text("/");

    expect(page).toContain("The VM did not finish booting in time");
    expect(page).toContain("host lab2 was drained by octocat");
  });

  test("shows whose next machine that fails is held, to those who may see its repository", async () => {
    const facts = [seen(1), created(M1, 1), failed(M1), heldNext()];
    const browser = await signedIn("mona", { facts });
    const stranger = desk.browser();
    await stranger.signIn("hubot");

    const pages = [await browser.text("/"), await browser.text("/jobs/1")];

    expect(pages[0]).toMatch(
      /mona asked .* for the next machine of plain for octo\/spinw that fails to be held\./,
    );
    expect(pages[1]).toContain(
      "mona asked for the next machine of this image that fails to be kept for half an hour.",
    );
    expect(pages[1]).toContain("mona asked for the next machine of the image plain that fails to be held");
    expect(await stranger.text("/")).not.toContain("mona");
  });

  test("tells how many webhooks failed every try", async () => {
    const browser = await signedIn("octocat", { setAside: ["a", "b"] });

    expect(await browser.text("/")).toContain("set aside until the next start: 2.");
  });

  test("knows who is in a team of operators", async () => {
    desk = await startDesk();
    desk.github.addTeamMember("octo/admins", "mona");
    const browser = desk.browser();
    await browser.signIn("mona");

    expect(await browser.text("/")).toContain("Drain lab1");
  });
});

describe("a job's page", () => {
  test("tells why it waits, its stages and what has happened", async () => {
    const browser = await signedIn("octocat", { facts: [seen(1, { name: "docs" }), created(M1, 1)] });

    const page = await browser.text("/jobs/1");

    expect(page).toContain("<h1>docs</h1>");
    expect(page).toContain("Its labels (self-hosted and our-plain) lead to the image plain.");
    expect(page).toContain(`machine ${M1} was wanted on lab1`);
    expect(page).toContain('href="https://github.com/octo/spinw/actions/runs/100/job/1"');
  });

  test("tells of a job that is over, with the machine that failed", async () => {
    const facts: Fact[] = [
      seen(1),
      created(M1, 1),
      failed(M1),
      seen(1, { status: "done", conclusion: "cancelled" }, NOW + 1),
      { kind: "job-closed", at: NOW + 2, job: 1 },
      { kind: "machine-forgotten", at: NOW + 2, machine: M1 },
    ];
    const browser = await signedIn("octocat", { facts });

    const page = await browser.text("/jobs/1");

    expect(page).toContain("It is over: cancelled.");
    expect(page).toContain("Failed machines so far: 1.");
  });

  test.each(["/jobs/404", "/jobs/x", "/machines/nobody", "/jobs/1/other", "/elsewhere"])(
    "%s is told to be none",
    async (path) => {
      const browser = await signedIn("octocat");

      const response = await browser.get(path);

      expect(response.status).toBe(404);
      expect(await response.text()).toContain("Nothing here");
    },
  );

  test("is the same as none for somebody who may not see it", async () => {
    const browser = await signedIn("mona", { facts: [seen(1, SECRET), created(M1, 1)] });

    const [hidden, none] = [await browser.text("/jobs/1"), await browser.text("/jobs/404")];

    expect(hidden).toBe(none);
  });
});

describe("a machine's page", () => {
  const files = { "console.log": "\u001b[31mkernel\u001b[0m panic", "vagrant.log": "" };

  test("shows an operator what its VM says, without the terminal's colours", async () => {
    const browser = await signedIn("octocat", { facts: [created(M1)], files });

    const page = await browser.text(`/machines/${M1}`);

    expect(page).toContain("kernel panic");
    expect(page).not.toContain("vagrant.log");
  });

  test("shows a maintainer its story, and neither its logs nor its buttons", async () => {
    const browser = await signedIn("mona", { facts: [created(M1)], files });

    const page = await browser.text(`/machines/${M1}`);

    expect(page).toContain("was wanted on lab1");
    expect(page).not.toContain("kernel panic");
    expect(page).not.toContain("Destroy");
  });
});

describe("every page", () => {
  test("shows names and logs as data, whatever is in them", async () => {
    const facts = [
      seen(1, { name: EVIL, workflow: EVIL, labels: [EVIL], url: "javascript:alert(1)" }),
      created(M1, 1),
    ];
    const browser = await signedIn("octocat", { facts, files: { "console.log": EVIL } });

    for (const path of ["/", "/jobs/1", `/machines/${M1}`]) {
      const page = await browser.text(path);
      expect(page).not.toContain("<img");
      expect(page).not.toContain('href="javascript:');
    }
    expect(await browser.text("/jobs/1")).toContain(
      "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&#39;&amp;",
    );
  });

  test("lets the browser load nothing but our own files, and keep none of it", async () => {
    const browser = await signedIn("octocat");

    for (const path of ["/", "/sign-in", "/jobs/404"]) {
      const { headers } = await browser.get(path);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("strict-transport-security")).toBe("max-age=15552000");
    }
  });

  test("has no style and no script in itself, and its files are there", async () => {
    const browser = await signedIn("octocat");

    const page = await browser.text("/");

    expect(page).not.toMatch(/<style|<script(?! type="module" src="\/assets)|style="|onclick/);
    const files = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(files).toHaveLength(3);
    for (const file of files) {
      const response = await browser.get(file);
      expect(response.status).toBe(200);
      expect(response.headers.get("cache-control")).toContain("immutable");
    }
  });

  test("says so when it cannot be made, and the log says why", async () => {
    const browser = await signedIn("octocat", { facts: [seen(1)] });
    desk.store.findJob = async () => {
      throw new Error("the disk is gone");
    };

    const response = await browser.get("/jobs/1");

    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("the disk is gone");
    expect(desk.logged()).toContain("the disk is gone");
  });
});

describe("an operator", () => {
  test("destroys a machine, and the history says who", async () => {
    const browser = await signedIn("octocat", { facts: [created(M1)] });

    const answer = await browser.post(`/machines/${M1}/destroy`);

    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(`Machine ${M1} will be destroyed now`);
    expect(desk.store.state.machines.get(M1)?.retired?.why).toBe("operator");
    expect(await browser.text(`/machines/${M1}`)).toContain("octocat had it destroyed.");
  });

  test("is told when there is nothing to do", async () => {
    const browser = await signedIn("octocat", { facts: [created(M1)] });
    await browser.post(`/machines/${M1}/destroy`);

    expect((await browser.post(`/machines/${M1}/destroy`)).status).toBe(409);
    expect((await browser.post(`/machines/${M2}/destroy`)).status).toBe(404);
    expect((await browser.post("/jobs/1/retry")).status).toBe(404);
    expect((await browser.post("/hosts/lab9/drain")).status).toBe(404);
  });

  test("drains a host, and opens it again", async () => {
    const browser = await signedIn("octocat");

    await browser.post("/hosts/lab1/drain");
    expect([...desk.store.state.drained]).toEqual(["lab1"]);
    expect(await browser.text("/")).toContain("Open again");
    await browser.post("/hosts/lab1/open");

    expect([...desk.store.state.drained]).toEqual([]);
  });

  test("pauses a repository and all of them, and resumes them", async () => {
    const browser = await signedIn("octocat", { facts: [seen(1)] });

    await browser.post("/repositories/octo/spinw/pause");
    await browser.post("/pause");
    expect([...desk.store.state.paused]).toEqual(["octo/spinw", "*"]);
    const page = await browser.text("/");
    await browser.post("/resume");
    await browser.post("/repositories/octo/spinw/resume");

    expect(page).toContain("1st in the queue: all orders are paused");
    expect(page).toContain("all repositories were paused by octocat");
    expect([...desk.store.state.paused]).toEqual([]);
    expect((await browser.post("/repositories/octo/other/pause")).status).toBe(404);
  });

  test("holds a machine, and lets it go", async () => {
    const browser = await signedIn("octocat", { facts: [created(M1)] });
    const hold = (minutes: string) => browser.post(`/machines/${M1}/hold`, undefined, `minutes=${minutes}`);

    const answer = await hold("30");

    expect(await answer.text()).toContain("is not destroyed before 12:30 (UTC)");
    expect(desk.store.state.machines.get(M1)?.heldUntil).toBe(NOW + seconds(1800));
    const page = await browser.text(`/machines/${M1}`);
    expect(page).toContain("Let go");
    expect(page).toContain("octocat had the VM kept until 12:30:00");
    expect((await hold("0")).status).toBe(200);
    expect(await browser.text(`/machines/${M1}`)).toContain("Hold for");
    for (const wrong of ["1441", "-1", "x", ""]) expect((await hold(wrong)).status).toBe(400);
  });

  test("has a job tried again that was given up", async () => {
    const browser = await signedIn("octocat", { facts: [seen(1), givenUp, seen(2)] });
    expect(await browser.text("/jobs/1")).toContain("Retry");

    const answer = await browser.post("/jobs/1/retry");

    expect(await answer.text()).toContain("Job 1 is tried again from the beginning.");
    expect(desk.store.state.jobs.get(1)?.gaveUpAt).toBeUndefined();
    expect(await browser.text("/jobs/1")).toContain("octocat asked for the job to be tried again");
    expect((await browser.post("/jobs/2/retry")).status).toBe(409);
  });
});

describe("what somebody may do is asked when they do it", () => {
  test("a maintainer cannot destroy", async () => {
    const browser = await signedIn("mona", { facts: [created(M1)] });

    const answer = await browser.post(`/machines/${M1}/destroy`);

    expect(answer.status).toBe(403);
    expect(desk.store.state.machines.get(M1)?.retired).toBeUndefined();
  });

  test("whoever may write to the repository may have its job tried again", async () => {
    const browser = await signedIn("mona", { facts: [seen(1), givenUp] });
    expect((await browser.post("/jobs/1/retry")).status).toBe(403);

    desk.github.addCollaborator("octo/spinw", "mona", "write");

    expect((await browser.post("/jobs/1/retry")).status).toBe(200);
  });

  test("whoever may write to the repository may let a fork's job run, and nobody else", async () => {
    const browser = await signedIn("mona", FORK);
    expect(await browser.text("/jobs/1")).not.toContain("Approve it");
    expect((await browser.post("/jobs/1/approve")).status).toBe(403);
    expect(desk.store.state.runs.get("100/1")?.approved).toBeUndefined();
    desk.github.addCollaborator("octo/spinw", "mona", "write");
    await desk.clock.advance(minutes(1));
    expect(await browser.text("/jobs/1")).toContain("Approve it");

    const answer = await browser.post("/jobs/1/approve");

    expect(answer.status).toBe(200);
    expect(desk.store.state.runs.get("100/1")?.approved).toMatchObject({ by: "mona", sha: "a".repeat(40) });
    const page = await browser.text("/jobs/1");
    expect(page).toContain("mona let attempt 1 of its run 100 run");
    expect(page).not.toContain("Approve it");
  });

  test("a fork's job that ended for want of approval is run again when it is approved, once", async () => {
    const end = { status: "done", conclusion: "cancelled", isPublic: true } as const;
    const browser = await signedIn("octocat", { ...FORK, facts: [...FORK.facts, seen(1, end, NOW + 1)] });
    desk.runs.set(100, aRunSeen());
    expect(await browser.text("/jobs/1")).toContain("Approve it");

    const answer = await browser.post("/jobs/1/approve");
    desk.runs.set(100, aRunSeen({ attempt: 2 }));
    const again = await browser.post("/jobs/1/approve");

    expect(await answer.text()).toContain("GitHub was asked to run its run again");
    expect(again.status).toBe(409);
    expect(desk.rerunRuns).toEqual([100]);
    expect(desk.store.state.runs.get("100/2")?.approved?.by).toBe("octocat");
  });

  test.for([
    ["forks are refused", "refuse", "stranger/spinw", "run nothing from forks"],
    ["it is no fork's", "approve", "octo/spinw", "it is no fork"],
  ] as const)("nobody approves a job if %s, and is told why", async ([, forks, head, said]) => {
    const run: Fact = { kind: "run-seen", at: NOW, job: 1, run: aRunSeen({ head }) };
    const facts = [seen(1, { isPublic: true }), run];
    const browser = await signedIn("octocat", { repository: { forks }, facts });

    const answer = await browser.post("/jobs/1/approve");

    expect(answer.status).toBe(409);
    expect(await answer.text()).toContain(said);
    expect(desk.store.state.runs.get("100/1")?.approved).toBeUndefined();
  });

  test("no fork's job is approved while GitHub does not answer, nor one that is not known", async () => {
    const browser = await signedIn("octocat", FORK);
    expect((await browser.post("/jobs/2/approve")).status).toBe(403);
    desk.goDown();

    expect((await browser.post("/jobs/1/approve")).status).toBe(502);
    expect(await browser.text("/jobs/1")).not.toContain("Approve it");
    expect(desk.store.state.runs.get("100/1")?.approved).toBeUndefined();
  });

  test("who left the team of operators after the page was made cannot do it any more", async () => {
    desk = await startDesk({ facts: [created(M1)] });
    desk.github.addTeamMember("octo/admins", "mona");
    const browser = desk.browser();
    await browser.signIn("mona");
    expect(await browser.text(`/machines/${M1}`)).toContain("Destroy it");

    desk.github.removeTeamMember("octo/admins", "mona");

    expect((await browser.post(`/machines/${M1}/destroy`)).status).toBe(403);
  });

  test("nothing is done while GitHub does not answer", async () => {
    const browser = await signedIn("mona", { facts: [created(M1)] });
    desk.goDown();

    const answer = await browser.post(`/machines/${M1}/destroy`);

    expect(answer.status).toBe(502);
    expect(desk.store.state.machines.get(M1)?.retired).toBeUndefined();
  });
});

describe("a form", () => {
  test.each([
    ["of another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }],
    ["of a neighbour", { "sec-fetch-site": "same-site", origin: "https://other.example.org" }],
    ["that does not say where it is from", {}],
  ])("%s is refused", async (_, headers: Record<string, string>) => {
    const browser = await signedIn("octocat", { facts: [created(M1)] });

    const answer = await browser.post(`/machines/${M1}/destroy`, headers);

    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain("This did not come from a page of Mayfly");
    expect(desk.store.state.machines.get(M1)?.retired).toBeUndefined();
  });

  test("of an older browser is taken by its origin", async () => {
    const browser = await signedIn("octocat", { facts: [created(M1)] });

    const answer = await browser.post(`/machines/${M1}/destroy`, { origin: "https://mayfly.example.org" });

    expect(answer.status).toBe(200);
  });

  test("that cannot be read is one without fields, and no error of Mayfly's", async () => {
    const browser = await signedIn("octocat", { facts: [created(M1)] });
    const headers = { "sec-fetch-site": "same-origin", "content-type": "multipart/form-data; boundary=x" };

    const answer = await browser.post(`/machines/${M1}/hold`, headers, "garbage");

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("A machine is held for a number of minutes");
    expect(desk.logged()).not.toContain("could not be made");
  });

  test("of a megabyte is refused with a page", async () => {
    const browser = await signedIn("octocat");
    const headers = { "sec-fetch-site": "same-origin" };

    const answer = await browser.post("/hosts/lab1/drain", headers, `x=${"a".repeat(1024 * 1024)}`);

    expect(answer.status).toBe(413);
    expect(await answer.text()).toContain("Too large");
    expect(desk.store.state.drained.size).toBe(0);
  });
});

describe("a live page", () => {
  test("is sent again when something has changed, and ends with Mayfly", async () => {
    const browser = await signedIn("octocat", { facts: [seen(1)] });
    const reader = readerOf(await browser.get("/live"));
    expect(await reader.next()).toContain("1 in the queue");

    await desk.store.record([seen(2)]);
    await desk.clock.awaited();
    await desk.clock.advance(seconds(1));

    expect(await reader.next()).toContain("2 in the queue");
    desk.closing.abort();
    expect(await reader.next()).toBeUndefined();
  });

  test("shows an operator who left the team no more than others see", async () => {
    desk = await startDesk({ facts: [seen(1, { repo: "octo/secret", name: "hidden" })] });
    desk.github.addTeamMember("octo/admins", "mona");
    const browser = desk.browser();
    await browser.signIn("mona");
    const reader = readerOf(await browser.get("/live"));
    expect(await reader.next()).toContain("Drain lab1");

    desk.github.removeTeamMember("octo/admins", "mona");
    // NB: who is in a team is remembered for a minute.
    let shown: string | undefined = "Drain lab1";
    for (let round = 0; round < 6 && !shown?.startsWith("event: body"); round += 1) {
      await desk.clock.awaited();
      await desk.clock.advance(seconds(1));
      await desk.clock.awaited();
      await desk.clock.advance(seconds(15));
      shown = await reader.next();
      if (shown?.includes("Drain lab1")) shown = undefined;
    }

    expect(shown).toContain("All quiet");
    desk.closing.abort();
  });

  test("ends with its viewer's session", async () => {
    const browser = await signedIn("octocat");
    const reader = readerOf(await browser.get("/live"));
    const over = reader.untilItEnds();

    await desk.clock.awaited();
    await desk.clock.advance(hours(8));

    expect(await over).toBeGreaterThan(0);
  });

  test("is refused to the hundred-and-first", async () => {
    const browser = await signedIn("octocat");
    const streams = await Promise.all(Array.from({ length: 100 }, () => browser.get("/live")));

    expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await browser.get("/live")).status).toBe(503);
    desk.closing.abort();
  });
});

function readerOf(response: Response) {
  const reader = response.body?.getReader();
  const next = async (): Promise<string | undefined> => {
    const { value } = (await reader?.read()) ?? {};
    return value && new TextDecoder().decode(value);
  };
  return {
    next,
    /** Answers how many pieces came until then. */
    untilItEnds: async () => {
      let count = 0;
      while ((await next()) !== undefined) count += 1;
      return count;
    },
  };
}

/** It booted in 40 s and ran a job of a minute. */
function machineLife(machine: string, index: number): Fact[] {
  const at = NOW - seconds(1000 - index);
  return [
    { ...created(machine), at },
    { kind: "machine-started", at, machine, tokenHash: "" },
    { kind: "guest-asked", at: at + seconds(36 + index), machine, runnerVersion: "1" },
    { kind: "machine-forgotten", at: at + seconds(200), machine },
  ] as Fact[];
}
