import type { Octokit } from "@octokit/rest";
import { afterEach, describe, expect, it } from "vitest";
import { installationClient, named, refusal } from "../support/github.ts";
import { REAL_LIMITS } from "./github/rest/limits.ts";
import { type EmulatedGitHub, type GitHubOptions, startGitHub } from "./github/server.ts";

/** The emulated GitHub's secondary limits. */

const REPO = "octo/spinw";
const OTHER = "lab/horace";
const SHA = "a".repeat(40);

const open: EmulatedGitHub[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((github) => github.close()));
});

async function start(limits: GitHubOptions["limits"]) {
  const github = await startGitHub({ limits });
  open.push(github);
  github.addRepository(REPO);
  github.addRepository(OTHER);
  const octokit = await installationClient(github, REPO);
  const other = await installationClient(github, OTHER);
  return { github, octokit, other };
}

const read = (octokit: Octokit, repo = REPO) => octokit.rest.repos.get(named(repo));
const check = (octokit: Octokit) =>
  octokit.rest.checks.create({ ...named(REPO), name: "Mayfly", head_sha: SHA });
const register = (octokit: Octokit, name: string, repo = REPO) =>
  octokit.rest.actions.generateRunnerJitconfigForRepo({
    ...named(repo),
    name,
    runner_group_id: 1,
    labels: ["spinw"],
  });

describe("a secondary limit", () => {
  it("is not there unless it is wanted", async () => {
    const { github, octokit } = await start(undefined);

    for (let made = 0; made < 100; made += 1) await check(octokit);

    expect(github.limited).toEqual([]);
  });

  it("has GitHub's numbers if it is to be real", async () => {
    const { github } = await start("real");

    expect(github.world.limits).toEqual({
      pointsAMinute: 900,
      atOnce: 100,
      contentAMinute: 80,
      contentAnHour: 500,
      registrationsInFiveMinutes: 1500,
      penaltySeconds: 60,
      scale: 1,
    });
  });

  it("of points refuses with retry-after and its name, and keeps the refusal", async () => {
    const { github, octokit } = await start({ pointsAMinute: 7 });
    await check(octokit);
    await read(octokit);
    await read(octokit);

    const refused: unknown = await read(octokit).catch((error: unknown) => error);

    expect(refused).toMatchObject({
      status: 403,
      message: expect.stringContaining("You have exceeded a secondary rate limit"),
      response: { headers: { "retry-after": "60" } },
    });
    expect(github.limited).toEqual([
      {
        at: expect.any(Number),
        installation: [...github.world.installations.keys()][0],
        operation: "repos/get",
        limit: "pointsAMinute",
        again: false,
      },
    ]);
  });

  it("holds for one installation, whatever it calls, and for no other", async () => {
    const { github, octokit, other } = await start({ contentAMinute: 1 });
    await check(octokit);
    await refusal(check(octokit));

    expect(await refusal(read(octokit))).toMatchObject({ status: 403 });
    expect((await read(other, OTHER)).status).toBe(200);
    expect(github.limited.map(({ limit, again }) => [limit, again])).toEqual([
      ["contentAMinute", false],
      ["contentAMinute", true],
    ]);
  });

  it("lasts longer for a call that is made meanwhile, and then ends", async () => {
    const { github, octokit } = await start({ contentAMinute: 1, scale: 2 });
    await check(octokit);
    await refusal(check(octokit));

    pass(github, 40);
    await refusal(read(octokit));
    pass(github, 40);
    await refusal(read(octokit));
    pass(github, 61);

    expect((await read(octokit)).status).toBe(200);
    expect(github.limited.map(({ again }) => again)).toEqual([false, true, true]);
  });

  it("of an hour's content holds when the minute's would not", async () => {
    const { github, octokit } = await start({ contentAMinute: 3, contentAnHour: 4, scale: 2 });
    for (let made = 0; made < 4; made += 1) {
      await check(octokit);
      pass(github, 61);
    }

    await refusal(check(octokit));

    expect(github.limited.map(({ limit }) => limit)).toEqual(["contentAnHour"]);
  });

  it("of calls at the same time counts those that wait for their answer", async () => {
    const { github, octokit } = await start({ atOnce: 2 });
    github.faults.answers.push({ operation: "repos/get", delayMs: 200 });

    const answers = await Promise.allSettled([read(octokit), read(octokit), read(octokit)]);
    github.faults.answers.length = 0;

    expect(answers.map(({ status }) => status)).toContain("rejected");
    expect(github.limited.every(({ limit }) => limit === "atOnce")).toBe(true);
  });

  it("of registrations is that of one repository", async () => {
    const { github, octokit } = await start({ registrationsInFiveMinutes: 1 });
    github.addRepository("octo/second");
    const both = await installationClient(github, REPO);
    await register(octokit, "m1");
    await register(both, "m2", "octo/second");

    await refusal(register(both, "m3"));

    expect(github.limited.map(({ limit }) => limit)).toEqual(["registrationsInFiveMinutes"]);
  });

  it("of content, the real one, takes 80 in a minute", async () => {
    const { github, octokit } = await start("real");

    for (let made = 0; made < REAL_LIMITS.contentAMinute; made += 1) await check(octokit);

    expect(github.limited).toEqual([]);
    await refusal(check(octokit));
    expect(github.limited).toHaveLength(1);
  });
});

describe("the calls of an hour", () => {
  it("grow with the repositories beyond twenty, up to 12,500", async () => {
    const { github } = await start(undefined);
    const limitWith = async (count: number) => {
      for (let index = 0; index < count; index += 1) github.addRepository(`big${count}/repository${index}`);
      const octokit = await installationClient(github, `big${count}/repository0`);
      return (await octokit.rest.rateLimit.get()).data.resources.core.limit;
    };

    expect([await limitWith(20), await limitWith(30), await limitWith(300)]).toEqual([5000, 5500, 12_500]);
  });
});

/** Puts GitHub's clock on. NB: at scale 2 it gains as much as its beginning is moved back. */
function pass({ world }: EmulatedGitHub, seconds: number): void {
  world.startedAt -= seconds * 1000;
}
