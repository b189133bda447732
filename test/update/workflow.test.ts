import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";

const WORKFLOWS = resolve(import.meta.dirname, "../../.github/workflows");

type Workflow = {
  on: { schedule?: { cron: string }[] };
  permissions: Record<string, string>;
  jobs: Record<string, { steps: { uses?: string; run?: string }[] }>;
};

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
