import { describe, expect, test } from "vitest";
import { mayChange, movedDefaultBranch } from "../../src/github/pushes.ts";

const FILE = ".github/mayfly.yml";

const commit = (change: object = {}) => ({ added: [], modified: ["README.md"], removed: [], ...change });
const push = (change: object = {}) => ({
  ref: "refs/heads/main",
  created: false,
  deleted: false,
  forced: false,
  commits: [commit()],
  repository: { default_branch: "main" },
  ...change,
});

describe("a push", () => {
  test.for([
    ["added", commit({ added: [FILE] })],
    ["changed", commit({ modified: [FILE] })],
    ["removed", commit({ removed: [FILE] })],
    ["replaced by a folder", commit({ added: [`${FILE}/a`] })],
  ] as const)("by one of whose commits the file is %s may change it", ([, one]) => {
    expect(mayChange(push({ commits: [commit(), one, commit()] }), FILE)).toBe(true);
  });

  test.for([
    ["that touches other files", {}],
    ["that touches a file of a similar name", { commits: [commit({ added: [`${FILE}l`, `x/${FILE}`] })] }],
    ["to another branch", { ref: "refs/heads/next", commits: [commit({ added: [FILE] })] }],
    ["of a tag", { ref: "refs/tags/main", commits: [commit({ added: [FILE] })] }],
  ] as const)("%s does not", ([, change]) => {
    expect(mayChange(push(change), FILE)).toBe(false);
  });

  test.for([
    ["takes commits away", { forced: true }],
    ["makes the branch", { created: true }],
    ["ends the branch", { deleted: true, commits: [] }],
    ["tells of no commit", { commits: [] }],
    ["has no list of commits", { commits: undefined }],
    ["has as many commits as GitHub tells of", { commits: Array(2048).fill(commit()) }],
    ["does not say what a commit touched", { commits: [{}] }],
  ] as const)("that %s may change it", ([, change]) => {
    expect(mayChange(push(change), FILE)).toBe(true);
  });
});

describe("a repository that was edited", () => {
  test("has another default branch if its webhook says so", () => {
    expect(movedDefaultBranch({ changes: { default_branch: { from: "main" } } })).toBe(true);
    expect(movedDefaultBranch({ changes: { description: { from: "main" } } })).toBe(false);
    expect(movedDefaultBranch({})).toBe(false);
  });
});
