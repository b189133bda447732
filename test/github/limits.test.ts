import { describe, expect, test } from "vitest";
import { GitHubUnavailable } from "../../src/ports.ts";
import { installationClient, named } from "../support/github.ts";
import { aCheckRun, aJob, aRepository, LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

/** A port, with another installation beside its own, at a GitHub whose limits a few calls go over. */

const OTHER = "lab/horace";

/** Somebody else with the installation's credentials has used up its minute: the limit that no budget of ours can foresee. */
async function limitedPort() {
  const noted: { installation: number; until: number }[] = [];
  const onLimited = (installation: number, until: number) => void noted.push({ installation, until });
  const port = await startPort({ github: { limits: { pointsAMinute: 10 } }, onLimited });
  const { gh, clock } = port;
  gh.addRepository(OTHER);
  const [own = 0, other = 0] = gh.world.installations.keys();
  const octokit = await installationClient(gh, REPO);
  const spendAll = async () => {
    for (let made = 0; made < 10; made += 1) await octokit.rest.repos.get(named(REPO));
  };
  const before = gh.calls.length;
  /** Of the port alone. */
  const sent = () => gh.calls.slice(before + 10).map(({ operation }) => operation?.replace(/^.*\//, ""));
  await spendAll();
  return { ...port, noted, own, other, sent, now: clock.now };
}

const retryAtOf = (call: Promise<unknown>): Promise<number | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => (error instanceof GitHubUnavailable ? error.retryAt : undefined),
  );

describe("an installation that GitHub limits", () => {
  test("is sent nothing more, not even for a token, until GitHub's time is over", async () => {
    const { gh, github, sent, now, own, noted } = await limitedPort();

    await retryAtOf(github.runners(REPO, NO_LIMIT));
    const refused = await Promise.all([
      retryAtOf(github.runners(REPO, NO_LIMIT)),
      retryAtOf(github.register(aRepository(), "m", LABELS, NO_LIMIT)),
      retryAtOf(github.remove(REPO, 7, NO_LIMIT)),
      retryAtOf(github.publish(aJob(), aCheckRun(), "new", NO_LIMIT)),
    ]);

    expect(refused).not.toContain(undefined);
    expect(gh.limited.map(({ again }) => again)).toEqual([false]);
    expect(sent()).toEqual([
      "get-repo-installation",
      "create-installation-access-token",
      "list-self-hosted-runners-for-repo",
    ]);
    expect(noted).toEqual([{ installation: own, until: expect.any(Number) }]);
    expect((noted[0]?.until ?? 0) - now()).toBeGreaterThan(58_000);
    expect((noted[0]?.until ?? 0) - now()).toBeLessThanOrEqual(61_000);
  });

  test("does not disturb another one", async () => {
    const { github } = await limitedPort();
    await retryAtOf(github.runners(REPO, NO_LIMIT));

    expect(await github.runners(OTHER, NO_LIMIT)).toEqual([]);
  });

  test("is left alone after a restart too", async () => {
    const { gh, github, open, own, noted, clock } = await limitedPort();
    await retryAtOf(github.runners(REPO, NO_LIMIT));
    const { until = 0 } = noted[0] ?? {};
    const { github: next, standing } = open(new Map([[own, until]]));

    const refused = await retryAtOf(next.register(aRepository(), "m", LABELS, NO_LIMIT));

    expect(refused).toBeGreaterThanOrEqual(until);
    expect(gh.limited).toHaveLength(1);
    expect(standing()).toMatchObject([{ installation: own, limitedUntil: until }]);
    gh.world.limits = undefined;
    await clock.until(until, NO_LIMIT);
    expect(await next.register(aRepository(), "m", LABELS, NO_LIMIT)).toMatchObject({ registration: "jit" });
  });

  test("is told with its repositories and what is left of its hour", async () => {
    const { github, standing, own, other, now } = await limitedPort();
    await retryAtOf(github.runners(REPO, NO_LIMIT));
    await github.runners(OTHER, NO_LIMIT);

    expect(standing()).toMatchObject([
      { installation: own, repositories: [REPO.toLowerCase()], limitedUntil: expect.any(Number) },
      { installation: other, repositories: [OTHER], calls: { left: 4999, limit: 5000 } },
    ]);
    expect(standing()[1]?.calls?.resetAt).toBeGreaterThan(now() + 3_500_000);
  });
});

describe("a check run", () => {
  test.for([
    ["completed", 300],
    ["in_progress", 500],
    ["queued", 1_000],
  ] as const)("that says %s is written until %i calls of the hour are left", async ([status, kept]) => {
    const { gh, github, calls } = await startPort({ github: { hourlyLimit: kept + 2 } });
    const publish = () => github.publish(aJob(), aCheckRun({ status }), "new", NO_LIMIT);

    await publish();
    await publish();
    const retryAt = await retryAtOf(publish());

    expect(retryAt).toBeGreaterThan(Date.now());
    expect(calls()).toEqual(["201 checks/create", "201 checks/create"]);
    expect(gh.checkRuns(REPO)).toHaveLength(2);
  });
});
