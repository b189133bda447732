import { Probot } from "probot";
import { describe, expect, test } from "vitest";
import { mayflyApp, receive } from "../src/app.ts";
import type { Fact } from "../src/core/facts.ts";
import type { JobSeen } from "../src/core/types.ts";
import { aJob } from "./github/support.ts";
import { fakeClock } from "./support/clock.ts";
import { keptLog } from "./support/log.ts";
import { EXAMPLES } from "./support/webhook.ts";

const REPOSITORY = { full_name: "SpinW/spinw" };
const [EXAMPLE] = EXAMPLES;

type Setup = { serves?: (repo: string) => boolean; found?: JobSeen | "gone" };

async function start({ serves = () => true, found = "gone" }: Setup = {}) {
  const facts: Fact[] = [];
  const { log, text } = keptLog();
  const clock = fakeClock();
  const probot = new Probot({ githubToken: "none is used", log });
  let rung = 0;
  let swept = 0;
  const app = mayflyApp({
    record: async (added) => void facts.push(...added),
    ring: () => {
      rung += 1;
    },
    sweepSoon: () => {
      swept += 1;
    },
    lookUp: async () => found,
    serves,
    clock,
    log,
  });
  await probot.load(app);
  const tell = (event: string, payload: object) =>
    receive(probot, { id: "1", event, payload: JSON.stringify(payload), receivedAt: 0 });
  return { tell, facts, rung: () => rung, swept: () => swept, now: clock.now(), logged: text };
}

describe("the app", () => {
  test("turns each of GitHub's own workflow_job webhooks into a fact, and rings", async () => {
    const { tell, facts, rung, now } = await start();

    for (const example of EXAMPLES) await tell("workflow_job", example);

    expect(facts.map((fact) => fact.kind === "job-seen" && fact.job.id)).toEqual(
      EXAMPLES.map((example) => example.workflow_job.id),
    );
    expect(facts.every(({ at }) => at === now)).toBe(true);
    expect(rung()).toBe(8);
  });

  test("ignores repositories that are not in the catalogue", async () => {
    const { tell, facts, rung } = await start({ serves: (repo) => repo === "SpinW/spinw" });

    await tell("workflow_job", EXAMPLE ?? {});
    await tell("push", { repository: { full_name: "other/other" } });

    expect(facts).toEqual([]);
    expect(rung()).toBe(0);
  });

  test("looks a job up anew when its check run is asked for again", async () => {
    const job = aJob({ id: 42, status: "done" });
    const { tell, facts, rung } = await start({ found: job });

    await tell("check_run", {
      action: "rerequested",
      check_run: { external_id: "42" },
      repository: REPOSITORY,
    });

    expect(facts).toMatchObject([{ kind: "job-seen", job: { id: 42, status: "done" } }]);
    expect(rung()).toBe(1);
  });

  test.for([
    ["created", "42"],
    ["completed", "42"],
    ["rerequested", "somebody else's"],
  ] as const)("leaves a check run alone that is %s and bears the id %s", async ([action, external_id]) => {
    const { tell, facts, rung } = await start({ found: aJob() });

    await tell("check_run", { action, check_run: { external_id }, repository: REPOSITORY });

    expect(facts).toEqual([]);
    expect(rung()).toBe(0);
  });

  test.for([
    ["installation", { action: "suspend", installation: { id: 1 } }],
    ["installation_repositories", { action: "added", installation: { id: 1 } }],
    ["push", { ref: "refs/heads/main", repository: REPOSITORY }],
  ] as const)("has a pass look around after %s", async ([event, payload]) => {
    const { tell, rung } = await start();

    await tell(event, payload);

    expect(rung()).toBe(1);
  });

  test.for([
    ["installation", { action: "deleted", installation: { id: 1 } }],
    ["installation_repositories", { action: "removed", installation: { id: 1 } }],
    ["check_run", { action: "rerequested", check_run: { external_id: "42" }, repository: REPOSITORY }],
  ] as const)("has GitHub swept soon after %s", async ([event, payload]) => {
    const { tell, swept } = await start();

    await tell(event, payload);

    expect(swept()).toBe(1);
  });

  test("does not sweep for each job", async () => {
    const { tell, swept } = await start();

    await tell("workflow_job", EXAMPLE ?? {});

    expect(swept()).toBe(0);
  });

  test("does not answer for a webhook that it cannot read", async () => {
    const { tell, facts } = await start();

    const told = tell("workflow_job", { action: "queued", workflow_job: {}, repository: REPOSITORY });

    await expect(told).rejects.toThrow();
    expect(facts).toEqual([]);
  });

  test("lets events pass that it does not know", async () => {
    const { tell, facts, rung } = await start();

    await tell("an_event_of_next_year", { action: "created" });

    expect([facts, rung()]).toEqual([[], 0]);
  });
});
