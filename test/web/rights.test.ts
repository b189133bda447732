import { describe, expect, test } from "vitest";
import { GitHubUnavailable } from "../../src/ports.ts";
import { rights } from "../../src/web/rights.ts";
import { fakeClock } from "../support/clock.ts";

const REPOSITORIES = ["a/first", "a/second", "b/third"];

/** Teams by the repository through which GitHub is asked; of others nobody can be asked. */
function rightsWith(operators: string[], members: Record<string, boolean>) {
  const never = async () => false;
  const isMember = async (repo: string) => {
    const answer = members[repo];
    if (answer === undefined) throw new GitHubUnavailable("the App is not installed there");
    return answer;
  };
  const github = { isMember, mayWrite: never, administers: never };
  return rights({ operators, repositories: REPOSITORIES, clock: fakeClock(), github });
}

describe("a person is an operator", () => {
  test("by a team, although the App is missing in the organisation of another", async () => {
    const { isOperator } = rightsWith(["a/ops", "b/ops"], { "b/third": true });

    expect(await isOperator("mona")).toBe(true);
  });

  test("by a team, although the App is missing in one repository of its organisation", async () => {
    const { isOperator } = rightsWith(["a/ops"], { "a/second": true });

    expect(await isOperator("mona")).toBe(true);
  });

  test("or not: that is not known as long as one team could not be asked", async () => {
    const { isOperator, looksLikeOperator } = rightsWith(["a/ops", "b/ops"], { "b/third": false });

    await expect(isOperator("mona")).rejects.toThrow(GitHubUnavailable);
    expect(await looksLikeOperator("mona")).toBe(false);
  });
});
