import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Overview } from "../src/control/overview.ts";
import { SITE_LABELS, SITE_REPO, startSite } from "./rig/site.ts";

const LIMIT_MS = 60_000;
/** GitHub's, short enough to be waited for and long enough for a restart. */
const PENALTY_SECONDS = 12;

test("a limit of GitHub's is told, left alone across a kill -9, and costs the job only its time", {
  timeout: LIMIT_MS,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-limit-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  let starts = 0;
  const site = await startSite({
    driver: "fake",
    folder,
    controller: `lim${randomBytes(2).toString("hex")}`,
    limits: { penaltySeconds: PENALTY_SECONDS },
    onLog: ({ msg }) => {
      if (msg === "Mayfly is running") starts += 1;
    },
  });
  onTestFinished(() => site.close());
  const { github } = site;
  const ps = async () => JSON.parse(await site.mayfly("ps", "--json")) as Overview;

  github.limitCalls(SITE_REPO);
  const { jobs } = github.queueRun(SITE_REPO, {
    jobs: [{ name: "test", labels: SITE_LABELS, script: "true" }],
  });
  await github.until(() => github.limited.length > 0, LIMIT_MS);
  const told = await until(ps, ({ installations }) => installations[0]?.limitedUntil !== undefined);
  const why = await site.mayfly("why", String(jobs[0]));
  const killedAt = Date.now();
  site.kill();
  await until(
    async () => starts,
    (count) => count === 2,
  );
  const restarted = await ps();
  await github.until(() => github.job(jobs[0] ?? 0).status === "completed", LIMIT_MS);
  await github.until(() => github.checkRuns(SITE_REPO)[0]?.status === "completed", LIMIT_MS);

  expect(why).toMatch(/GitHub limits Mayfly's calls for this installation until \d\d:\d\d:\d\d \(UTC\)/);
  expect(restarted.installations[0]?.limitedUntil).toBe(told.installations[0]?.limitedUntil);
  expect(github.limited.filter(({ at }) => at > killedAt)).toEqual([]);
  expect(github.job(jobs[0] ?? 0).conclusion).toBe("success");
  expect(github.checkRuns(SITE_REPO)[0]?.output.summary).toMatch(/GitHub limited Mayfly's calls from .* to /);
});

/** Asks again and again until the answer is right. */
async function until<T>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> {
  for (const endsAt = Date.now() + LIMIT_MS; ; ) {
    const answer = await ask();
    if (isRight(answer) || Date.now() > endsAt) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
