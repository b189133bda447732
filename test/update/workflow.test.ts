import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";

const WORKFLOWS = resolve(import.meta.dirname, "../../.github/workflows");

type Workflow = {
  on: { schedule?: { cron: string }[] };
  permissions: Record<string, string>;
  env?: Record<string, string>;
  jobs: Record<string, { env?: Record<string, string>; steps: Step[] }>;
};
type Step = {
  uses?: string;
  run?: string;
  env?: Record<string, string>;
  with?: Record<string, unknown>;
};

const TOKEN = /github\.token|secrets\./;

const read = (file: string): Workflow => parse(readFileSync(join(WORKFLOWS, file), "utf8"));
const stepsOf = (workflow: Workflow) => Object.values(workflow.jobs).flatMap(({ steps }) => steps);

test.each(readdirSync(WORKFLOWS))(
  "%s takes others' actions by their commit, and says which rights it needs",
  (file) => {
    const workflow = read(file);
    const uses = stepsOf(workflow).flatMap((step) => step.uses ?? []);

    expect(uses.filter((action) => !/@[0-9a-f]{40}$/.test(action))).toEqual([]);
    expect(workflow.permissions.contents).toBeDefined();
  },
);

test.each(readdirSync(WORKFLOWS))(
  "%s gives GitHub's token to no step but one that calls GitHub, and leaves none in the work tree",
  (file) => {
    const workflow = read(file);
    const shared = [workflow.env, ...Object.values(workflow.jobs).map(({ env }) => env)];
    const steps = stepsOf(workflow);
    const withToken = steps.filter((step) => TOKEN.test(JSON.stringify(step)));
    const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));

    expect(JSON.stringify(shared)).not.toMatch(TOKEN);
    expect(withToken.filter(({ run = "" }) => !/^(gh |script\/update-runner )/m.test(run))).toEqual([]);
    expect(checkouts.length).toBeGreaterThan(0);
    expect(checkouts.filter((step) => step.with?.["persist-credentials"] !== false)).toEqual([]);
  },
);

test("update-runner.yml gives it to the two steps that need it", () => {
  const tokens = stepsOf(read("update-runner.yml")).map(({ env }) => Object.keys(env ?? {}));

  expect(tokens).toEqual([[], [], ["GITHUB_TOKEN"], ["GH_TOKEN"], []]);
});

test("update-runner.yml looks once a week, compares what it pins, and leaves the merge to a person", () => {
  const workflow = read("update-runner.yml");
  const commands = stepsOf(workflow)
    .map(({ run = "" }) => run)
    .join("\n");

  expect(workflow.on.schedule).toEqual([{ cron: expect.stringMatching(/^\d+ \d+ \* \* \d$/) }]);
  expect(commands).toMatch(/script\/update-runner --download/);
  expect(commands).toContain("gh pr create");
  expect(commands).not.toMatch(/gh pr merge|push .*main/);
});
