import { describe, expect, test } from "vitest";
import type { Verdict } from "../../src/ports/files.ts";
import { NO_LIMIT, REPO, startPort } from "./support.ts";

const FILE = ".github/mayfly.yml";
const LIST = "repos/list-commits";

const aVerdict = (change: Partial<Verdict> = {}): Verdict => ({
  name: "Mayfly settings",
  conclusion: "failure",
  title: "One fault",
  summary: "It is wrong.",
  notes: [{ path: FILE, line: 3, text: "It is wrong here." }],
  ...change,
});

describe("the last change of a path", () => {
  test("is the newest commit of the default branch that touched it", async () => {
    const { gh, files } = await startPort();
    const sha = gh.push(REPO, { files: { [FILE]: "a" } });
    gh.push(REPO, { files: { "other.m": "b" } });
    gh.push(REPO, { files: { [FILE]: "c" }, branch: "next" });

    expect(await files.lastChange(REPO, FILE, NO_LIMIT)).toBe(sha);
  });

  test("is none where the path was never there, or where there is no commit at all", async () => {
    const { gh, files } = await startPort();

    expect(await files.lastChange(REPO, FILE, NO_LIMIT)).toBe("none");
    gh.world.repos.get(REPO.toLowerCase())?.branches.clear();
    expect(await files.lastChange(REPO, FILE, NO_LIMIT)).toBe("none");
  });

  test("costs nothing of the hour as long as it is the last one, also where there is no file", async () => {
    const { gh, files, calls } = await startPort();
    const look = () => files.lastChange(REPO, FILE, NO_LIMIT);
    await look();
    await look();
    const sha = gh.push(REPO, { files: { [FILE]: "a" } });

    expect([await look(), await look()]).toEqual([sha, sha]);
    expect(calls()).toEqual([200, 304, 200, 304].map((status) => `${status} ${LIST}`));
  });

  test("is forbidden to an App that has not the right to read files", async () => {
    const { files, calls } = await startPort({ github: { permissions: { metadata: "read" } } });

    expect(await files.lastChange(REPO, FILE, NO_LIMIT)).toBe("forbidden");
    expect(await files.lastChange(REPO, FILE, NO_LIMIT)).toBe("forbidden");
    expect(calls()).toEqual([`403 ${LIST}`, `403 ${LIST}`]);
  });

  test("is not known when GitHub refuses for another reason, such as our address", async () => {
    const { gh, files } = await startPort();
    gh.faults.answers.push({ operation: LIST, status: 403, message: "your IP address is not permitted" });

    await expect(files.lastChange(REPO, FILE, NO_LIMIT)).rejects.toThrow("github refused the call");
  });
});

describe("what is at a path", () => {
  const seen = async (put: Parameters<Awaited<ReturnType<typeof startPort>>["gh"]["push"]>[1]["files"]) => {
    const { gh, files } = await startPort();
    const sha = gh.push(REPO, { files: put });
    return files.fileAt(REPO, FILE, sha, NO_LIMIT);
  };

  test("is its bytes at that commit, whatever came later", async () => {
    const { gh, files } = await startPort();
    const text = "paused: true # ünïcode\n".repeat(10);
    const sha = gh.push(REPO, { files: { [FILE]: text } });
    gh.push(REPO, { files: { [FILE]: "later" } });

    const found = await files.fileAt(REPO, FILE, sha, NO_LIMIT);

    expect(found).toEqual({ size: Buffer.byteLength(text), bytes: Buffer.from(text) });
  });

  test.for([
    ["nothing", "none", { "other.m": "a" }],
    ["a folder", "no-file", { [`${FILE}/a`]: "a" }],
    ["a symlink that leads nowhere", "no-file", { [FILE]: { symlink: "../nowhere" } }],
  ] as const)("may be %s", async ([, expected, put]) => {
    expect(await seen(put)).toBe(expected);
  });

  test("is the file that a symlink leads to", async () => {
    const found = await seen({ [FILE]: { symlink: "../mayfly.yml" }, "mayfly.yml": "a" });

    expect(found).toEqual({ size: 1, bytes: Buffer.from("a") });
  });

  test("has a size and no bytes if it is very large", async () => {
    const found = await seen({ [FILE]: "a".repeat(2 ** 20 + 1) });

    expect(found).toEqual({ size: 2 ** 20 + 1, bytes: Buffer.alloc(0) });
  });
});

describe("a verdict", () => {
  test("is a check run of its commit that is over, with a note at each line", async () => {
    const { gh, files } = await startPort();
    const sha = gh.push(REPO, { files: { [FILE]: "a" } });

    await files.judge(REPO, sha, aVerdict(), NO_LIMIT);

    expect(gh.checkRuns(REPO, sha)).toMatchObject([
      {
        name: "Mayfly settings",
        status: "completed",
        conclusion: "failure",
        output: {
          title: "One fault",
          annotations: [{ path: FILE, line: 3, level: "failure", message: "It is wrong here." }],
        },
      },
    ]);
  });

  test("is said once, until it is another one", async () => {
    const { gh, files, open } = await startPort();
    const sha = gh.push(REPO, { files: { [FILE]: "a" } });
    await files.judge(REPO, sha, aVerdict(), NO_LIMIT);
    await open().files.judge(REPO, sha, aVerdict(), NO_LIMIT);
    expect(gh.checkRuns(REPO, sha)).toHaveLength(1);

    for (let time = 0; time < 2; time += 1)
      await files.judge(REPO, sha, aVerdict({ conclusion: "success", notes: [] }), NO_LIMIT);

    expect(gh.checkRuns(REPO, sha).map(({ conclusion }) => conclusion)).toEqual(["failure", "success"]);
  });

  test("with more notes than GitHub takes at once has the first ones", async () => {
    const { gh, files } = await startPort();
    const sha = gh.push(REPO, { files: { [FILE]: "a" } });
    const notes = Array.from({ length: 60 }, (_, line) => ({ path: FILE, line: line + 1, text: "no" }));

    await files.judge(REPO, sha, aVerdict({ notes }), NO_LIMIT);

    expect(gh.checkRuns(REPO, sha)[0]?.output.annotations).toHaveLength(50);
  });
});
