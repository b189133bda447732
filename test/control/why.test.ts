import { describe, expect, test } from "vitest";
import type { WhyAnswer } from "../../src/control/answer.ts";
import type { Fact } from "../../src/core/facts.ts";
import type { Standing } from "../../src/ports.ts";
import {
  aHost,
  anImage,
  aRepository,
  M1,
  M2,
  minutes,
  NOW,
  REPO,
  seconds,
  type WorldParts,
} from "../support/build.ts";
import { created, drained, failed, savedSettings, seen } from "../support/facts.ts";
import { controllerIn, newFolder } from "./controller.ts";

type Site = { facts: Fact[]; world?: WorldParts; standing?: Standing[] };

/** What the controller says of job 1, beyond where its labels lead. */
async function why(site: Site): Promise<string[]> {
  const { ask } = await controllerIn(newFolder(), site);
  const { sentences } = (await ask("/why/1")) as WhyAnswer;
  return sentences.filter((sentence) => !sentence.startsWith("Its labels "));
}

const full = { hosts: [aHost({ machines: 1 })] };

describe("why a job does not run, and what can be done", () => {
  test("a label that no image has", async () => {
    expect(await why({ facts: [seen(1, { labels: ["self-hosted", "our-plane"] })] })).toEqual([
      "No image has the label our-plane; the nearest is our-plain.",
      expect.stringMatching(
        /^If the job is meant for Mayfly: correct runs-on in its workflow, cancel this run/,
      ),
    ]);
  });

  test("labels that no one image has", async () => {
    const images = [anImage(), anImage({ name: "gpu", labels: ["self-hosted", "our-gpu"] })];
    const catalogue = { images, repositories: [aRepository({ images: ["plain", "gpu"] })] };

    expect(
      await why({ facts: [seen(1, { labels: ["our-plain", "our-gpu"] })], world: { catalogue } }),
    ).toEqual([
      "No one image has all of its labels (our-plain and our-gpu).",
      expect.stringMatching(/^If the job is meant for Mayfly: /),
    ]);
  });

  test("general labels only", async () => {
    expect(await why({ facts: [seen(1, { labels: ["self-hosted", "linux"] })] })).toEqual([
      expect.stringMatching(/^It asks for general labels only \(self-hosted and linux\)\. /),
      expect.stringMatching(/^If the job is meant for Mayfly: /),
    ]);
  });

  test("a repository that is not served", async () => {
    expect(await why({ facts: [seen(1, { repo: "octo/other" })] })).toEqual([
      'octo/other is not among the repositories of this controller. Add it under "repositories" in mayfly.yml.',
    ]);
  });

  test("a host that is full", async () => {
    const facts = [seen(9, { status: "running", ranOn: M1 }), created(M1), seen(1)];

    expect(await why({ facts, world: { catalogue: full } })).toEqual([
      "It is 1st in the queue: lab1 is full.",
      "It gets the next machine for which there is room; mayfly ps shows what is there. More room: machines, cpus and memory of the hosts in mayfly.yml, and on a cloud the project's quota.",
    ]);
  });

  test("its place in the queue", async () => {
    const running = [created(M1), seen(9, { status: "running", ranOn: M1 })];
    const facts = [...running, seen(8, { queuedAt: NOW - minutes(9) }), seen(1)];

    expect(await why({ facts, world: { catalogue: full } })).toContain(
      "It is 2nd in the queue: lab1 is full.",
    );
  });

  test("a host that is drained", async () => {
    expect(await why({ facts: [seen(1), drained("lab1", true)] })).toEqual([
      "It is 1st in the queue: lab1 is drained.",
      "Somebody took the host out of service. Put it back: mayfly drain lab1 --off",
    ]);
  });

  test("a host that cannot be reached", async () => {
    expect(await why({ facts: [seen(1)], world: { reachable: [] } })).toEqual([
      "It is 1st in the queue: lab1 cannot be reached.",
      "mayfly check says what is missing there; Mayfly asks again by itself.",
    ]);
  });

  test("a pause, and whose it is", async () => {
    const paused: Fact = { kind: "orders-paused", at: NOW, repo: REPO, paused: true, by: "octocat" };

    expect(await why({ facts: [seen(1), paused] })).toEqual([
      "It is 1st in the queue: octo/spinw is paused.",
      "An operator paused it, and resumes it on the status page, or with: mayfly resume octo/spinw",
    ]);
    expect(await why({ facts: [seen(1), savedSettings({ paused: true })] })).toEqual([
      "It is 1st in the queue: octo/spinw is paused by its settings.",
      "An admin of the repository paused it, and resumes it in its settings.",
    ]);
  });

  test("the limit that a repository's admins have set", async () => {
    const facts = [savedSettings({ machines: 1 }), created(M1), seen(9, { status: "running", ranOn: M1 })];

    expect(await why({ facts: [...facts, seen(1)] })).toContain(
      "It is 1st in the queue: the repository's limit of 1 machine is reached.",
    );
  });

  test("a label that leads to an image in its repository only", async () => {
    const facts = [savedSettings({ images: { plain: { labels: ["docs"] } } })];
    const { ask } = await controllerIn(newFolder(), { facts: [...facts, seen(1, { labels: ["Docs"] })] });

    const { sentences } = (await ask("/why/1")) as WhyAnswer;

    expect(sentences[0]).toBe("Its labels (Docs) lead to the image plain.");
  });

  test.each([
    ["image", { images: [anImage({ machines: 2 })] }],
    ["repository", { repositories: [aRepository({ machines: 2 })] }],
  ])("the limit of an %s", async (which, catalogue) => {
    const running = [M1, M2].flatMap((name, index) => [
      created(name),
      seen(8 + index, { status: "running", ranOn: name }),
    ]);
    const facts = [...running, seen(1)];

    expect(await why({ facts, world: { catalogue } })).toEqual([
      `It is 1st in the queue: the ${which}'s limit of 2 machines is reached.`,
      expect.stringMatching(
        new RegExp(
          `^It gets a machine as soon as one of this ${which} has ended\\. The limit is machines of the ${which}`,
        ),
      ),
    ]);
  });

  test("machines that fail", async () => {
    const facts = [
      seen(1),
      created(M1, 1),
      failed(M1),
      { kind: "vm-destroyed", at: NOW, machine: M1 } as const,
    ];

    expect(await why({ facts })).toEqual([
      expect.stringMatching(/^It is 1st in the queue: the last machine failed, next try in \d+ s\.$/),
      expect.stringMatching(
        new RegExp(`^The last machine that failed was ${M1}\\. The VM did not finish booting`),
      ),
      expect.stringMatching(
        /^mayfly ps shows machines that failed, and mayfly logs MACHINE what they said\./,
      ),
    ]);
  });

  test("machines that failed, of which one more is tried", async () => {
    const names = ["cccccccc", "dddddddd", "eeeeeeee"].map((token) => `mayfly-lab-plain-${token}`);
    const failures = names.flatMap((name): Fact[] => [
      created(name),
      failed(name),
      { kind: "machine-forgotten", at: NOW, machine: name },
    ]);
    const facts = [...failures, seen(9, { queuedAt: NOW - minutes(9) }), created(M1, 9), seen(1)];

    expect(await why({ facts })).toEqual([
      expect.stringMatching(/^It is 1st in the queue: .*3 machines/),
      expect.stringMatching(/^mayfly ps shows machines that failed/),
    ]);
  });

  test("GitHub's own hold", async () => {
    expect(await why({ facts: [seen(1, { status: "waiting" })] })).toEqual([
      "GitHub holds the job back: its environment has to be approved first, or another run of its concurrency group has to end.",
      "The page of its run at GitHub says which; whoever may approve it does so there.",
    ]);
  });

  test("a limit that GitHub has set", async () => {
    const limited: Fact = { kind: "github-limited", at: NOW, installation: 77, until: NOW + 90_000 };

    expect(await why({ facts: [seen(1), created(M1, 1), limited] })).toEqual([
      `Machine ${M1} is on its way (ordered).`,
      "GitHub limits Mayfly's calls for this installation until 12:01:30 (UTC); machines boot meanwhile, and are registered then.",
    ]);
  });

  test("few calls that are left of GitHub's hour", async () => {
    const calls = { left: 12, limit: 5000, resetAt: NOW + minutes(10) };
    const standing = [{ installation: 77, repositories: [], calls }];

    expect(await why({ facts: [seen(1), created(M1, 1)], standing })).toContain(
      "GitHub allows only 12 more calls for this installation until 12:10:00 (UTC), so what its check run says may be late. The job itself does not wait for that.",
    );
    expect(
      await why({
        facts: [seen(1), created(M1, 1)],
        standing: [{ ...standing[0], installation: 78 } as Standing],
      }),
    ).toHaveLength(1);
  });

  test("that it was given up", async () => {
    const givenUp: Fact = { kind: "job-given-up", at: NOW, job: 1, cause: "3 machines failed." };

    expect(await why({ facts: [seen(1), givenUp] })).toEqual([
      "It was given up. 3 machines failed.",
      "Once the cause is mended press Retry on its check run (or: mayfly retry 1), and it is tried from the beginning.",
    ]);
  });

  test("that the App is not installed any more", async () => {
    const removed: Fact = { kind: "repository-access", at: NOW, repo: "octo/spinw", granted: false };

    expect(await why({ facts: [seen(1), removed] })).toEqual([
      "The App is not installed on octo/spinw, or it is suspended there.",
      "Install the App there again; the job is then taken up.",
    ]);
  });
});

describe("why the jobs of a run do not run", () => {
  const runWhy = async (run: number, ...facts: Fact[]) => {
    const { ask } = await controllerIn(newFolder(), { facts });
    return (await ask(`/runs/${run}/why`)) as WhyAnswer[];
  };

  test("is said of each of them, open or over", async () => {
    const over: Fact[] = [
      seen(2, { status: "queued" }),
      created(M2, 2),
      seen(2, { status: "done", conclusion: "success", ranOn: M2 }),
      { kind: "job-closed", at: NOW, job: 2 },
      { kind: "machine-forgotten", at: NOW, machine: M2 },
    ];

    const answers = await runWhy(100, ...over, seen(1), created(M1, 1), seen(3, { runId: 101 }));

    expect(answers).toMatchObject([
      { job: { id: 1 }, sentences: expect.arrayContaining([`Machine ${M1} is on its way (ordered).`]) },
      { job: { id: 2 }, sentences: [`It is over: success. It ran on ${M2}.`] },
    ]);
  });

  test("is said of the newest attempt", async () => {
    const answers = await runWhy(100, seen(1), seen(2, { attempt: 2 }), seen(3, { attempt: 2 }));

    expect(answers.map(({ job }) => job.id)).toEqual([2, 3]);
  });

  test("is not known of a run of long ago, or none", async () => {
    const closed: Fact = { kind: "job-closed", at: NOW - minutes(7 * 24 * 60) - seconds(1), job: 1 };

    await expect(runWhy(100, seen(1), closed)).rejects.toThrow(
      /^No job of run 100 is known that is open, or/,
    );
    await expect(runWhy(404)).rejects.toThrow("Served are octo/spinw.");
  });
});
