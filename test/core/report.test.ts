import fc from "fast-check";
import { lexer, type Token, walkTokens } from "marked";
import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import type { Fact } from "../../src/core/facts.ts";
import { plan } from "../../src/core/plan.ts";
import { digestOf, worthOf } from "../../src/core/report.ts";
import type { Story } from "../../src/core/story.ts";
import type { Failure, Host, Job } from "../../src/core/types.ts";
import {
  aCatalogue,
  ago,
  aJob,
  aJobSeen,
  anImage,
  aSeen,
  aWorld,
  booting,
  ended,
  M1,
  M2,
  minutes,
  NOW,
  seconds,
  toldOf,
  working,
} from "../support/build.ts";

const digest = (job: Job, story: Story): string => digestOf(job, story, (at) => at <= NOW);

const aFailure = (changes: Partial<Failure> = {}): Failure => ({
  machine: M1,
  image: "plain",
  at: NOW,
  why: "boot-failed",
  text: "no space left on device",
  tail: "line one\nline two",
  ...changes,
});

const WAITING: Story = { is: "waiting", place: 2, blocked: { why: "hosts-full", hosts: ["lab1"] } };
const done = (changes: Partial<Job> = {}): Job =>
  aJob({
    status: "done",
    conclusion: "success",
    queuedAt: ago(minutes(5)),
    startedAt: ago(minutes(4)),
    doneAt: ago(seconds(48)),
    ranOn: M1,
    ...changes,
  });

describe("a job that goes well", () => {
  test("costs at most four writes at GitHub: waiting, booting, running, done", () => {
    const world = aWorld({ jobs: [aJob()] });
    const seen = aSeen();
    world.seen = () => seen;
    const digests: string[] = [];
    const pass = () => {
      for (let planned = plan(world); ; planned = plan(world)) {
        for (const effect of planned.effects) {
          if (effect.do !== "publish") continue;
          digests.push(effect.digest);
          apply(world.state, {
            kind: "check-published",
            at: NOW,
            job: 1,
            check: 9,
            digest: effect.digest,
          });
        }
        for (const fact of planned.facts) apply(world.state, fact);
        if (planned.facts.length === 0 && planned.effects.every((effect) => effect.do !== "publish")) return;
      }
    };
    const machine = "mayfly-lab-plain-new1";
    const about = { at: NOW, machine };
    const events: (Fact | Partial<typeof seen>)[] = [
      { kind: "machine-started", tokenHash: "hash", ...about },
      { vm: "building", vmAskedAt: NOW },
      { vm: "up" },
      { kind: "guest-asked", runnerVersion: "2.337.0", ...about },
      { polling: true },
      { kind: "machine-configured", runnerId: 7, ...about },
      { kind: "guest-stage", stage: "runner", text: "starting", ...about },
      { runner: "idle", runnerAskedAt: NOW },
      { kind: "guest-working", ...about },
      { kind: "job-seen", at: NOW, job: aJobSeen({ status: "running", startedAt: NOW, ranOn: machine }) },
      { runner: "busy" },
      { kind: "guest-ended", outcome: { exitCode: 0, ranJob: true, text: "" }, ...about },
      { kind: "vm-destroyed", ...about },
      {
        kind: "job-seen",
        at: NOW,
        job: aJobSeen({ status: "done", conclusion: "success", ranOn: machine, doneAt: NOW }),
      },
    ];

    pass();
    for (const event of events) {
      if ("kind" in event) apply(world.state, event);
      else Object.assign(seen, event);
      pass();
    }

    expect(digests).toEqual(["waiting/0", "booting/0/after", "running", "done/success"]);
    expect(world.state.jobs.size).toBe(0);
  });

  test("does not go back to waiting when another job takes its machine", () => {
    const booted = aJob({ check: { id: 9, digest: "booting/0" } });

    expect(digest(booted, WAITING)).toBe("booting/0");
    expect(digest({ ...booted, tries: 1 }, WAITING)).toBe("waiting/1");
  });
});

describe("a check run", () => {
  test("is named after the job, and is queued while it waits, with its place and the reason", () => {
    expect(toldOf(aJob(), WAITING)).toMatchObject({
      name: "Mayfly: test",
      status: "queued",
      title: "2nd in the queue: lab1 is full",
      summary: expect.stringContaining("The job waits for a machine: 2nd in the queue: lab1 is full."),
      text: undefined,
    });
  });

  test("runs while the job runs", () => {
    const job = aJob({ status: "running", startedAt: ago(1000), ranOn: M1 });

    expect(toldOf(job, { is: "running", machine: working() })).toMatchObject({
      status: "in_progress",
      startedAt: ago(1000),
      title: "Running on plain",
    });
    expect(toldOf({ ...job, ranOn: "somebody-else" }, { is: "running" }).title).toBe(
      "Running on somebody-else",
    );
  });

  test("says when GitHub holds the job back", () => {
    expect(toldOf(aJob({ status: "waiting" }), { is: "held" })).toMatchObject({
      status: "queued",
      title: "Held back by GitHub",
    });
  });

  test("of a job that no image fits is not red: it says why nothing comes, and what to do", () => {
    const check = toldOf(aJob({ labels: ["our-plane"] }), { is: "unserved" });

    expect(check).toMatchObject({
      status: "completed",
      conclusion: "neutral",
      title: "No image has the label our-plane; nearest: our-plain",
    });
    expect(check.summary).toMatch(
      /^No image has the label `our-plane`; the nearest is `our-plain`\. No machine/,
    );
    expect(check.summary).toContain("correct runs-on in its workflow");
  });

  test("of a job that was given up is red, and names the cause and what to do", () => {
    const job = aJob({
      tries: 3,
      gaveUpAt: ago(1000),
      gaveUpCause: "3 machines failed before the job could begin.",
      failure: aFailure(),
    });

    const check = toldOf(job, { is: "given-up" });

    expect(check).toMatchObject({
      status: "completed",
      conclusion: "failure",
      completedAt: ago(1000),
      title: "Given up: 3 machines failed before the job could begin (boot-failed)",
      actions: [
        { label: "Retry", identifier: "retry" },
        { label: "Hold next", identifier: "hold-next" },
      ],
    });
    expect(check.summary).toContain("Mayfly makes no more");
    expect(check.summary).toContain(
      "**Failed machines so far: 3.** The last one was `mayfly-lab-plain-aaaaaaaa`",
    );
    expect(check.summary).toContain("The VM could not be made.");
    expect(check.summary).toContain("```text\nno space left on device\n```");
    expect(check.text).toContain("```text\nline one\nline two\n```");
    expect(check.text).toContain("`evidence/mayfly-lab-plain-aaaaaaaa`");
  });

  test.each<[string, Partial<Job>, string, string]>([
    ["went well", {}, "success", "Ran on plain for 3:12"],
    [
      "failed by itself, which has its own red mark",
      { conclusion: "failure" },
      "neutral",
      "Ran on plain for 3:12",
    ],
    ["was cancelled while it ran", { conclusion: "cancelled" }, "cancelled", "Ran on plain for 3:12"],
    [
      "was cancelled while it waited",
      { conclusion: "cancelled", startedAt: undefined, ranOn: undefined },
      "cancelled",
      "Cancelled before it started",
    ],
    [
      "vanished",
      { conclusion: "gone", startedAt: undefined, ranOn: undefined },
      "neutral",
      "Ended before it started",
    ],
    [
      "lost its machine",
      { conclusion: "failure", failure: aFailure({ why: "vm-died" }) },
      "failure",
      "The machine failed: vm-died",
    ],
    [
      "had another machine that failed",
      { failure: aFailure({ machine: M2 }), tries: 1 },
      "success",
      "Ran on plain for 3:12",
    ],
    [
      "was given up and then cancelled",
      {
        conclusion: "cancelled",
        gaveUpAt: NOW,
        gaveUpCause: "lab1 is full.",
        ranOn: undefined,
        startedAt: undefined,
      },
      "failure",
      "Given up: lab1 is full",
    ],
    [
      "was given up, ran after all and failed by itself",
      { conclusion: "failure", gaveUpAt: ago(seconds(400)), gaveUpCause: "lab1 is full." },
      "neutral",
      "Ran on plain for 3:12",
    ],
    ["went well although its VM was in trouble", { failure: aFailure() }, "success", "Ran on plain for 3:12"],
  ])("of a job that %s", (_, changes, conclusion, title) => {
    expect(toldOf(done(changes), { is: "done", machine: ended() })).toMatchObject({
      status: "completed",
      conclusion,
      completedAt: ago(seconds(48)),
      title,
    });
  });

  test("lists the stages in their order, with how long each took", () => {
    const machine = ended({
      startedAt: ago(seconds(290)),
      upAt: ago(seconds(280)),
      askedAt: ago(seconds(250)),
      configuredAt: ago(seconds(250)),
      destroyedAt: ago(seconds(40)),
    });

    const { summary } = toldOf(done(), { is: "done", machine });

    expect(tablesOf(summary)[0]).toEqual([
      "| Stage | Time (UTC) | Since queued | Took |",
      "| --- | --- | --- | --- |",
      "| Queued | 2026-11-23 11:55:00 | 0:00 | 0:00 |",
      "| Machine ordered | 2026-11-23 11:55:10 | 0:10 | 0:10 |",
      "| Guest ready | 2026-11-23 11:55:50 | 0:50 | 0:40 |",
      "| Runner registered | 2026-11-23 11:55:50 | 0:50 | 0:00 |",
      "| Job started | 2026-11-23 11:56:00 | 1:00 | 0:10 |",
      "| Job ended | 2026-11-23 11:59:12 | 4:12 | 3:12 |",
      "| VM destroyed | 2026-11-23 11:59:20 | 4:20 | 0:08 |",
    ]);
  });

  test("never shows a stage as before the one it follows, since GitHub's times are whole seconds", () => {
    const machine = ended({
      startedAt: ago(seconds(290)),
      askedAt: ago(seconds(238)),
      configuredAt: ago(seconds(237)),
    });

    const { summary } = toldOf(done(), { is: "done", machine });

    expect(summary).toContain(
      "| Runner registered | 2026-11-23 11:56:03 | 1:03 | 0:01 |\n| Job started | 2026-11-23 11:56:03 | 1:03 | 0:00 |",
    );
  });
});

describe("a check run's summary", () => {
  const publicUrl = "https://mayfly.example.org";
  const page = (path: string) => `${publicUrl}/${path}`;

  test("says on which machine, host and image the job runs, and with which runner", () => {
    const box = { name: "generic/debian12", version: "4.3.12" };
    const catalogue = aCatalogue({ images: [anImage({ box })] });

    const { summary } = toldOf(done(), { is: "done", machine: ended() }, { catalogue });

    expect(tablesOf(summary)[1]).toEqual([
      "| Where | |",
      "| --- | --- |",
      `| Machine | \`${M1}\` |`,
      "| Host | `lab1` |",
      "| Image | `plain`, box `generic/debian12` `4.3.12` |",
      "| Runner | `2.337.0` |",
    ]);
  });

  test("of a failure comes with its evidence, and the page that shows all of it", () => {
    const job = aJob({ failure: aFailure(), tries: 1 });

    const { text } = toldOf(job, WAITING, { publicUrl });

    expect(text).toContain("```text\nline one\nline two\n```");
    expect(text).toContain(`\`evidence/${M1}\`; [its page](${page(`machines/${M1}`)}) shows it.`);
  });

  test("names a box's file by the beginning of its digest, and never by its path", () => {
    const box = { name: "x", file: "/srv/boxes/spinw.box", sha256: "0123456789abcdef".repeat(4) };
    const catalogue = aCatalogue({ images: [anImage({ box })] });

    const { summary } = toldOf(done(), { is: "done", machine: ended() }, { catalogue });

    expect(summary).toContain("| Image | `plain`, box of SHA-256 `0123456789ab` |");
    expect(summary).not.toContain("/srv");
  });

  test("names an image of a Mac, and the beginning of its digest", () => {
    const tartImage = { name: "ghcr.io/acme/macos:26", digest: `sha256:${"0123456789abcdef".repeat(4)}` };
    const mac = { ...aCatalogue().hosts[0], driver: "tart" as const } as Host;
    const catalogue = aCatalogue({ hosts: [mac], images: [anImage({ tartImage })] });

    const { summary } = toldOf(done(), { is: "done", machine: ended() }, { catalogue });

    expect(summary).toContain(
      "| Image | `plain`, tart image `ghcr.io/acme/macos:26` of SHA-256 `0123456789ab` |",
    );
  });

  test("of a machine whose image left the catalogue says its name", () => {
    const { summary } = toldOf(done(), { is: "done", machine: ended({ image: "gone" }) });

    expect(summary).toContain("| Image | `gone` |");
  });

  test("lists the machines that failed, each with its cause, when there was more than one", () => {
    const failed = [
      { machine: M1, at: ago(seconds(90)), why: "boot-timeout" as const },
      { machine: M2, at: ago(seconds(10)), why: "boot-failed" as const },
    ];
    const job = aJob({ failure: aFailure({ machine: M2 }), failed, tries: 2 });

    const { summary } = toldOf(job, WAITING, { publicUrl });

    expect(tablesOf(summary)[1]).toEqual([
      "| Failed machine | Time (UTC) | Cause |",
      "| --- | --- | --- |",
      `| [\`${M1}\`](${page(`machines/${M1}`)}) | 2026-11-23 11:58:30 | The VM did not finish booting in time: its guest program never called. |`,
      `| [\`${M2}\`](${page(`machines/${M2}`)}) | 2026-11-23 11:59:50 | The VM could not be made. |`,
    ]);
  });

  test("links to the log at GitHub, and to the pages where there are some", () => {
    const story: Story = { is: "done", machine: ended() };
    const log = `[Log at GitHub](${aJob().url})`;

    expect(lastLine(toldOf(done(), story).summary)).toBe(log);
    expect(lastLine(toldOf(done(), story, { publicUrl }).summary)).toBe(
      `${log} · [Job in Mayfly](${page("jobs/1")}) · [Its machine in Mayfly](${page(`machines/${M1}`)})`,
    );
    expect(lastLine(toldOf(aJob(), WAITING, { publicUrl }).summary)).toBe(
      `${log} · [Job in Mayfly](${page("jobs/1")})`,
    );
  });
});

/** The tables of a text, each by its lines. */
const tablesOf = (markdown: string): string[][] =>
  markdown
    .split("\n\n")
    .filter((part) => part.startsWith("|"))
    .map((part) => part.split("\n"));

const lastLine = (markdown: string): string => markdown.split("\n").at(-1) ?? "";

describe("what comes from outside", () => {
  const EVIL =
    "x` | ](https://evil.test) **b** <img src=x> @octocat #1\n\n# Title\n\n```\n\n| a |\n| - |\n\n- [ ] todo";
  const STORIES: [string, (job: Job) => [Job, Story]][] = [
    ["waits", (job) => [job, WAITING]],
    ["boots", (job) => [job, { is: "booting", machine: booting({ runnerVersion: EVIL, host: EVIL }) }]],
    ["runs", (job) => [{ ...job, status: "running", ranOn: EVIL }, { is: "running" }]],
    ["was given up", (job) => [{ ...job, gaveUpAt: NOW }, { is: "given-up" }]],
    ["is not served any more", (job) => [job, { is: "unserved" }]],
    ["is done", (job) => [{ ...job, ...done({ ranOn: EVIL, conclusion: EVIL, url: EVIL }) }, { is: "done" }]],
    [
      "is done on a machine that failed",
      (job) => [{ ...job, ...done({ conclusion: EVIL, url: EVIL }) }, { is: "done" }],
    ],
  ];
  const failure = aFailure({ text: EVIL, tail: EVIL, image: EVIL });
  const failed = [failure, failure].map((one) => ({ ...one, machine: EVIL }));
  const evilJob = aJob({ name: EVIL, workflow: EVIL, labels: [EVIL], url: EVIL, failure, failed, tries: 1 });

  test.each(STORIES)("is only ever code in the check run of a job that %s", (_, make) => {
    const [job, story] = make(evilJob);
    const { summary, text = "" } = toldOf(job, story, { publicUrl: "https://ours.test" });

    const tokens = tokensOf(`${summary}\n\n${text}`);

    const spoken = tokens.filter((token) => token.type === "text" && !("tokens" in token));
    expect(spoken.filter(({ raw }) => /octocat|evil|Title|todo/.test(raw))).toEqual([]);
    const links = tokens.flatMap((token) => (token.type === "link" ? [String(token.href)] : []));
    expect(links.filter((href) => !/^https:\/\/ours\.test\/(jobs|machines)\//.test(href))).toEqual([]);
    expect(tokens.filter(({ type }) => /^(image|html|heading|list|em|del)$/.test(type))).toEqual([]);
  });

  test("is never more than GitHub takes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(100, 70_000),
        fc.constantFrom("x", "`", "ü", "🦋", "\n"),
        fc.constantFrom(...STORIES),
        (length, letter, [, make]) => {
          const long = letter.repeat(length);
          const [job, story] = make(aJob({ failure: aFailure({ text: long, tail: long }), tries: 2 }));

          const { summary, text = "" } = toldOf(job, story);

          expect(Buffer.byteLength(summary)).toBeLessThan(65_535);
          expect(Buffer.byteLength(text)).toBeLessThan(65_535);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is shortened where it tells least: a tail keeps its end, a cause its beginning", () => {
    const long = (mark: string) => `${mark}-begin ${"x".repeat(70_000)} ${mark}-end`;
    const job = aJob({ failure: aFailure({ text: long("cause"), tail: long("tail") }), tries: 1 });

    const { summary, text = "" } = toldOf(job, WAITING);

    expect(summary).toContain("cause-begin");
    expect(text).toContain("tail-end");
  });
});

function tokensOf(markdown: string): Token[] {
  const found: Token[] = [];
  walkTokens(lexer(markdown), (token) => void found.push(token));
  return found;
}

describe("a limit of GitHub's", () => {
  const limited = { at: ago(minutes(5)), until: ago(seconds(100)) };
  const sentence =
    "GitHub limited Mayfly's calls from 2026-11-23 11:55:00 to 2026-11-23 11:58:20 (UTC); the job may have waited for that.";

  test("is told on the check run of a job that waited then", () => {
    expect(toldOf(done({ limited }), { is: "done" }).summary).toContain(sentence);
    expect(toldOf(aJob({ limited }), WAITING).summary).toContain(sentence);
  });

  test("is not told of a job that ran already", () => {
    const summary = toldOf(done({ limited, startedAt: limited.at - 1 }), { is: "done" }).summary;

    expect(summary).not.toContain("limited");
  });

  test("is worth no write of its own", () => {
    expect(digest(aJob({ limited }), WAITING)).toBe(digest(aJob(), WAITING));
  });
});

describe("what a check run is worth", () => {
  test("is most where something is wrong, or an open check run ends", () => {
    const check = { id: 9, digest: "running" };
    const failure = aFailure();
    const failed = done({ failure, conclusion: "failure" });

    const worth = [
      worthOf(done({ check }), { is: "done" }),
      worthOf(failed, { is: "done" }),
      worthOf(aJob({ gaveUpAt: NOW }), { is: "given-up" }),
      worthOf(done(), { is: "done" }),
      worthOf(aJob({ status: "running" }), { is: "running" }),
      worthOf(aJob(), { is: "booting" }),
      worthOf(aJob({ check: { id: 9, digest: "booting/0" } }), { is: "booting" }),
      worthOf(aJob(), WAITING),
    ];

    expect(worth).toEqual([0, 0, 0, 1, 2, 3, 4, 4]);
  });
});
