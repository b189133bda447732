import { describe, expect, test } from "vitest";
import type { Fact } from "../../src/core/facts.ts";
import type { JobSeen } from "../../src/core/types.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { aJobSeen, aRepository, aRunSeen, M1, minutes, NOW, REPO } from "../support/build.ts";
import { created, seen } from "../support/facts.ts";
import { controller, controllerIn, newFolder } from "./controller.ts";

const givenUp: Fact = { kind: "job-given-up", at: NOW, job: 1, cause: "3 machines failed." };
const lookedUp: Fact = { kind: "run-seen", at: NOW, job: 1, run: aRunSeen() };

describe("the controller, told to retry a job", () => {
  test("tries one again that was given up, and its history says that an operator asked", async () => {
    const { tell, store, rings, ask } = await controller(seen(1), givenUp);

    const sentence = await tell("/jobs/1/retry");

    expect(sentence).toBe("Job 1 is tried again from the beginning.");
    expect(store.state.jobs.get(1)?.gaveUpAt).toBeUndefined();
    expect(rings()).toBe(1);
    expect(await ask("/why/1")).toMatchObject({
      history: expect.arrayContaining([{ at: NOW, text: "an operator asked for the job to be tried again" }]),
    });
  });

  test("does nothing about one that was not given up, or that it does not know", async () => {
    const { tell, rings } = await controller(seen(1));

    await expect(tell("/jobs/1/retry")).rejects.toThrow("it was not given up");
    await expect(tell("/jobs/404/retry")).rejects.toThrow("Job 404 is not open.");
    expect(rings()).toBe(0);
  });
});

describe("the controller, told to approve a job", () => {
  const site = (forks: "approve" | "refuse", ...facts: Fact[]) =>
    controllerIn(newFolder(), { facts, world: { catalogue: { repositories: [aRepository({ forks })] } } });
  const ended: Partial<JobSeen> = { status: "done", conclusion: "cancelled" };

  test("lets a fork's job run, at its commit and for its attempt", async () => {
    const { tell, store, github, rings, ask } = await site("approve", seen(1), lookedUp);
    github.jobs.set(1, aJobSeen());

    const sentence = await tell("/jobs/1/approve");

    expect(sentence).toContain("The jobs of this attempt of the run get machines now.");
    expect([...store.state.runs.values()]).toMatchObject([
      { id: 100, attempt: 1, approved: { by: "an operator", sha: "a".repeat(40) } },
    ]);
    expect(rings()).toBe(1);
    expect(await ask("/why/1")).toMatchObject({ title: "1st in the queue" });
  });

  test("has the run of one run again that has ended meanwhile", async () => {
    const { tell, github } = await site("approve", seen(1), lookedUp);
    github.jobs.set(1, aJobSeen(ended));
    github.runsSeen.set(100, aRunSeen());

    const sentence = await tell("/jobs/1/approve");

    expect(sentence).toContain("GitHub was asked to run its run again");
    expect(github.calls("rerunRun")).toBe(1);
  });

  test("does not overrule the repository's own rule", async () => {
    const { tell, store, github } = await site("refuse", seen(1), lookedUp);

    await expect(tell("/jobs/1/approve")).rejects.toThrow(
      /cannot be approved.*run nothing from forks.*"forks: approve"/,
    );
    expect([...store.state.runs.values()].flatMap(({ approved }) => approved ?? [])).toEqual([]);
    expect(github.calls("job")).toBe(0);
  });

  test("does nothing about a job that waits for nobody, or that it does not know", async () => {
    const own: Fact = { ...lookedUp, run: aRunSeen({ head: REPO }) };
    const { tell, rings } = await site("approve", seen(1), own);

    await expect(tell("/jobs/1/approve")).rejects.toThrow(/waits for nobody's approval.* mayfly why 1/);
    await expect(tell("/jobs/404/approve")).rejects.toThrow("Nothing is known of job 404.");
    expect(rings()).toBe(0);
  });

  test("does nothing while GitHub cannot be asked", async () => {
    const { tell, store, github } = await site("approve", seen(1), lookedUp);
    github.fails("job", new GitHubUnavailable("down"));

    await expect(tell("/jobs/1/approve")).rejects.toThrow("GitHub could not be asked just now");
    expect([...store.state.runs.values()].flatMap(({ approved }) => approved ?? [])).toEqual([]);
  });
});

describe("the controller, told to hold a machine", () => {
  test("keeps its VM as long, and lets it go again", async () => {
    const { tell, store } = await controller(created(M1));

    const held = await tell(`/machines/${M1}/hold`, { minutes: 30 });
    const until = store.state.machines.get(M1)?.heldUntil;
    const letGo = await tell(`/machines/${M1}/hold`, { minutes: 0 });

    expect(held).toMatch(/^The VM of .* is not destroyed before 12:30 \(UTC\)/);
    expect(held).toContain(`Let it go with: mayfly hold ${M1} --for 0`);
    expect(until).toBe(NOW + minutes(30));
    expect(letGo).toBe(`Machine ${M1} is not held any more.`);
    expect(store.state.machines.get(M1)?.heldUntil).toBe(NOW);
  });

  test.each([[{ minutes: 24 * 60 + 1 }], [{ minutes: -1 }], [{ minutes: 1.5 }], [undefined]])(
    "refuses a time that is none: %j",
    async (body) => {
      const { tell } = await controller(created(M1));

      await expect(tell(`/machines/${M1}/hold`, body)).rejects.toThrow("a number of minutes, a day at most");
    },
  );
});

describe("the controller, told to pause orders", () => {
  test("remembers it for a repository, and for all, until it is told otherwise", async () => {
    const { tell, store } = await controller();

    await tell("/orders", { repo: REPO.toUpperCase(), paused: true });
    await tell("/orders", { paused: true });
    const both = [...store.state.paused];
    const resumed = await tell("/orders", { paused: false });

    expect(both).toEqual([REPO, "*"]);
    expect([...store.state.paused]).toEqual([REPO]);
    expect(resumed).toBe("Machines are ordered for any repository again, where nothing else is paused.");
  });

  test("knows only repositories that it serves", async () => {
    const { tell, store } = await controller();

    await expect(tell("/orders", { repo: "octo/spinx", paused: true })).rejects.toThrow(
      "Perhaps octo/spinw was meant.",
    );
    expect(store.state.paused.size).toBe(0);
  });

  test("refuses a body that does not say which way", async () => {
    const { tell } = await controller();

    await expect(tell("/orders", { repo: REPO })).rejects.toThrow("The body must be");
  });
});
