import { describe, expect, test } from "vitest";
import type { WhyAnswer } from "../../src/control/answer.ts";
import type { Overview } from "../../src/control/overview.ts";
import type { Fact } from "../../src/core/facts.ts";
import { usualBoots } from "../../src/core/likely.ts";
import { storiesOf } from "../../src/core/plan.ts";
import type { ForkRule } from "../../src/core/types.ts";
import type { Standing } from "../../src/ports.ts";
import { jobPage } from "../../src/web/job.ts";
import {
  aHost,
  anImage,
  aRepository,
  aRunSeen,
  aWorld,
  M1,
  M2,
  minutes,
  NOW,
  REPO,
  seconds,
  toldOf,
  type WorldParts,
} from "../support/build.ts";
import { created, drained, failed, seen } from "../support/facts.ts";
import { controllerIn, newFolder } from "./controller.ts";

/** Every reason for which a job does not run. Job 1 is the one that is asked about. */

type Case = {
  facts: Fact[];
  world?: WorldParts;
  standing?: Standing[];
  title: string;
  /** A sentence that says why, and one that says what can be done. */
  why: string | RegExp;
  cure?: string | RegExp;
};

const WAITS = "1st in the queue";
const running = (id: number, machine: string): Fact[] => [
  created(machine),
  seen(id, { status: "running", ranOn: machine }),
];
const forks = (rule: ForkRule, ...facts: Fact[]): Pick<Case, "facts" | "world"> => ({
  facts: [seen(1), ...facts],
  world: { catalogue: { repositories: [aRepository({ forks: rule })] } },
});
const lookedUp: Fact = { kind: "run-seen", at: NOW, job: 1, run: aRunSeen() };
const paused = (repo: string): Fact => ({ kind: "orders-paused", at: NOW, repo, paused: true, by: "mona" });
/** Machines that are over, each of which took 40 s to boot. */
const usual = ["x", "y", "z"].flatMap((machine): Fact[] => [
  created(machine),
  { kind: "machine-started", at: NOW, machine, tokenHash: "" },
  { kind: "guest-asked", at: NOW + seconds(40), machine, runnerVersion: "2.337.0" },
  { kind: "machine-forgotten", at: NOW, machine },
]);
const started: Fact = { kind: "machine-started", at: NOW - seconds(18), machine: M1, tokenHash: "" };
const calls = { left: 12, limit: 5000, resetAt: NOW + minutes(10) };

const CASES: Record<string, Case> = {
  "a label that no image has": {
    facts: [seen(1, { labels: ["self-hosted", "our-plane"] })],
    title: "No image has the label our-plane; nearest: our-plain",
    why: "No image has the label our-plane; the nearest is our-plain.",
    cure: /^If the job is meant for Mayfly: correct runs-on/,
  },
  "general labels only": {
    facts: [seen(1, { labels: ["self-hosted", "linux"] })],
    title: "Asks for general labels only, so it is not for Mayfly",
    why: /^It asks for general labels only/,
    cure: /^If the job is meant for Mayfly: correct runs-on/,
  },
  "a repository that is not served": {
    facts: [seen(1, { repo: "octo/other" })],
    title: "This repository is not served by Mayfly",
    why: /^octo\/other is not among the repositories/,
    cure: /Add it under "repositories" in mayfly\.yml\.$/,
  },
  "a repository that an operator paused": {
    facts: [seen(1), paused(REPO)],
    title: `${WAITS}: octo/spinw is paused`,
    why: `It is ${WAITS}: octo/spinw is paused.`,
    cure: /with: mayfly resume octo\/spinw$/,
  },
  "a pause of everything": {
    facts: [seen(1), paused("*")],
    title: `${WAITS}: all orders are paused`,
    why: `It is ${WAITS}: all orders are paused.`,
    cure: /with: mayfly resume$/,
  },
  "a repository that its settings pause": {
    facts: [seen(1)],
    world: { catalogue: { repositories: [aRepository({ isPaused: true })] } },
    title: `${WAITS}: octo/spinw is paused by its settings`,
    why: `It is ${WAITS}: octo/spinw is paused by its settings.`,
    cure: "An admin of the repository paused it, and resumes it in its settings.",
  },
  "a full host": {
    facts: [...running(9, M1), seen(8, { queuedAt: NOW - minutes(9) }), seen(1)],
    world: { catalogue: { hosts: [aHost({ machines: 1 })] } },
    title: "2nd in the queue: lab1 is full",
    why: "It is 2nd in the queue: lab1 is full.",
    cure: /^It gets the next machine for which there is room/,
  },
  "a host that is drained": {
    facts: [seen(1), drained("lab1", true)],
    title: `${WAITS}: lab1 is drained`,
    why: `It is ${WAITS}: lab1 is drained.`,
    cure: /mayfly drain lab1 --off$/,
  },
  "a host that cannot be reached": {
    facts: [seen(1)],
    world: { reachable: [] },
    title: `${WAITS}: lab1 cannot be reached`,
    why: `It is ${WAITS}: lab1 cannot be reached.`,
    cure: /^mayfly check says what is missing there/,
  },
  "the limit of an image": {
    facts: [...running(8, M1), ...running(9, M2), seen(1)],
    world: { catalogue: { images: [anImage({ machines: 2 })] } },
    title: `${WAITS}: the image's limit of 2 machines is reached`,
    why: `It is ${WAITS}: the image's limit of 2 machines is reached.`,
    cure: /^It gets a machine as soon as one of this image has ended\./,
  },
  "the one seat of an image": {
    facts: [...running(9, M1), seen(1)],
    world: { catalogue: { images: [anImage({ machines: 1, mac: "52:54:00:12:34:56" })] } },
    title: `${WAITS}: the image's one seat is taken`,
    why: `It is ${WAITS}: the image's one seat is taken.`,
    cure: /^One VM of this image runs at a time, as for a licence with one seat/,
  },
  "the limit of a repository": {
    facts: [...running(9, M1), seen(1)],
    world: { catalogue: { repositories: [aRepository({ machines: 1 })] } },
    title: `${WAITS}: the repository's limit of 1 machine is reached`,
    why: `It is ${WAITS}: the repository's limit of 1 machine is reached.`,
    cure: /^It gets a machine as soon as one of this repository has ended\./,
  },
  "a limit that GitHub has set": {
    facts: [
      seen(1),
      created(M1, 1),
      { kind: "github-limited", at: NOW, installation: 77, until: NOW + 90_000 },
    ],
    title: "Booting plain",
    why: /^GitHub limits Mayfly's calls for this installation until 12:01:30 \(UTC\)/,
    cure: /machines boot meanwhile, and are registered then\.$/,
  },
  "few calls that are left of GitHub's hour": {
    facts: [seen(1), created(M1, 1)],
    standing: [{ installation: 77, repositories: [], calls }],
    title: "Booting plain",
    why: /^GitHub allows only 12 more calls/,
    cure: /The job itself does not wait for that\.$/,
  },
  "machines that fail": {
    facts: [seen(1), created(M1, 1), failed(M1), { kind: "machine-forgotten", at: NOW, machine: M1 }],
    title: `${WAITS}: the last machine failed, next try in 8 s`,
    why: `It is ${WAITS}: the last machine failed, next try in 8 s.`,
    cure: /it is tried again\.$/,
  },
  "a fork that is refused": {
    ...forks("refuse", lookedUp),
    title: "Refused: a pull request from a fork",
    why: /comes from the fork stranger\/spinw, and this repository's machines run nothing from forks\./,
    cure: /can push the commits to a branch of it\./,
  },
  "a fork that nobody has approved": {
    ...forks("approve", lookedUp),
    title: "Waits for approval: a pull request from a fork",
    why: /comes from the fork stranger\/spinw, so somebody who may write/,
    cure: /press Approve on its check run \(or: mayfly approve 1\)\.$/,
  },
  "a run that is looked up": {
    ...forks("approve"),
    title: "Being looked at",
    why: "GitHub is being asked whether it comes from a fork. It gets a machine if it does not.",
  },
  "that it was given up": {
    facts: [seen(1), { kind: "job-given-up", at: NOW, job: 1, cause: "3 machines failed." }],
    title: "Given up: 3 machines failed",
    why: "It was given up. 3 machines failed.",
    cure: /\(or: mayfly retry 1\), and it is tried from the beginning\.$/,
  },
  "GitHub's own hold": {
    facts: [seen(1, { status: "waiting" })],
    title: "Held back by GitHub",
    why: "GitHub holds the job back: its environment has to be approved first, or another run of its concurrency group has to end.",
    cure: "The page of its run at GitHub says which; whoever may approve it does so there.",
  },
  "that the App is not installed": {
    facts: [seen(1), { kind: "repository-access", at: NOW, repo: REPO, granted: false }],
    title: "Mayfly is not installed here any more",
    why: "The App is not installed on octo/spinw, or it is suspended there.",
    cure: "Install the App there again; the job is then taken up.",
  },
  "a machine on its way": {
    facts: [...usual, seen(1), created(M1, 1), started],
    title: "Booting plain, 0:18 of about 0:40",
    why: `Machine ${M1} is on its way (booting).`,
    cure: "Likely wait: about 25 s.",
  },
  "a machine that is about to be ordered": {
    facts: [...usual, seen(1)],
    title: WAITS,
    why: "A machine is about to be ordered.",
    cure: "Likely wait: about 40 s.",
  },
  "that it runs": {
    facts: [seen(1), created(M1, 1), seen(1, { status: "running", startedAt: NOW, ranOn: M1 })],
    title: "Running on plain",
    why: `It runs on ${M1}.`,
  },
};

/** Nobody but operators sees what no repository of ours is about. */
const OPERATOR = { login: "octocat", isOperator: true, sees: () => true, writes: async () => true };

async function everywhere({ facts, world: parts = {}, standing = [] }: Case) {
  const catalogue = { hosts: [aHost()], ...parts.catalogue };
  const { ask, store } = await controllerIn(newFolder(), { facts, world: { ...parts, catalogue }, standing });
  const world = { ...aWorld({ ...parts, catalogue }), state: store.state };
  const job = store.state.jobs.get(1);
  if (!job) throw new Error("there is no job 1");
  const boots = usualBoots((await store.lately(9)).machines);
  const check = toldOf(job, storiesOf(world)(job), { ...world, boots });
  const page = await jobPage(1, { store, world: () => world, standing: () => standing }, OPERATOR);
  const answer = (await ask("/why/1")) as WhyAnswer;
  const { jobs } = (await ask("/ps")) as Overview;
  return { check, answer, page: textOf(String(page?.body)), ps: jobs.find(({ id }) => id === 1)?.text };
}

/** What a page says, without its tags. */
const textOf = (html: string): string =>
  html
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"');

describe.each(Object.entries(CASES))("why a job does not run, where the reason is %s", (_, one) => {
  test("is one title on the check run, on the page and on the command line", async () => {
    const { check, answer, page, ps } = await everywhere(one);

    expect([check.title, answer.title, ps]).toEqual([one.title, one.title, one.title]);
    expect(page).toContain(one.title);
  });

  test("is a sentence, and what can be done, on the page and on the command line", async () => {
    const { answer, page } = await everywhere(one);

    expect(answer.sentences).toContainEqual(matching(one.why));
    if (one.cure !== undefined) expect(answer.sentences).toContainEqual(matching(one.cure));
    for (const sentence of answer.sentences) expect(page).toContain(sentence);
  });
});

const matching = (text: string | RegExp) => (typeof text === "string" ? text : expect.stringMatching(text));

test("a job that is over has the title of its check run's last word", async () => {
  const over: Fact[] = [
    created(M1, 1),
    seen(1),
    seen(1, { status: "running", startedAt: NOW, ranOn: M1 }),
    seen(1, { status: "done", startedAt: NOW, doneAt: NOW + seconds(192), conclusion: "success", ranOn: M1 }),
    { kind: "job-closed", at: NOW, job: 1 },
    { kind: "machine-forgotten", at: NOW, machine: M1 },
  ];
  const { ask } = await controllerIn(newFolder(), { facts: over });

  const { title, sentences } = (await ask("/why/1")) as WhyAnswer;

  expect(title).toBe("Ran on plain for 3:12");
  expect(sentences).toEqual([`It is over: success. It ran on ${M1}.`]);
});
