import type { Octokit } from "@octokit/rest";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  installationClient,
  named,
  refusal,
  type WebhookReceiver,
  webhookReceiver,
} from "../support/github.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** The emulated GitHub's commits, the files in them, and the webhooks that tell of them. */

const REPO = "octo/spinw";
const FILE = ".github/mayfly.yml";
const spinw = named(REPO);
let receiver: WebhookReceiver;
let github: EmulatedGitHub;
let octokit: Octokit;

beforeEach(async () => {
  receiver = await webhookReceiver();
  github = await startGitHub();
  github.addRepository(REPO);
  github.setWebhook(receiver.webhook);
  octokit = await installationClient(github, REPO);
});

afterEach(async () => {
  expect(github.violations).toEqual([]);
  await github.close();
  await receiver.close();
});

const received = (count: number) => github.until(() => receiver.received.length === count, 5000);
const shasOf = async (path: string) =>
  (await octokit.rest.repos.listCommits({ ...spinw, path })).data.map(({ sha }) => sha);
const at = async (path: string, ref?: string) =>
  (await octokit.rest.repos.getContent({ ...spinw, path, ...(ref !== undefined && { ref }) })).data;

describe("a push", () => {
  it("is told with its commit and the files that it added, changed and removed", async () => {
    github.push(REPO, { files: { [FILE]: "a", "b.m": "b" } });
    const sha = github.push(REPO, { files: { [FILE]: "c", "b.m": null } });
    await received(2);

    expect(receiver.received[1]).toMatchObject({
      event: "push",
      signed: true,
      payload: {
        ref: "refs/heads/main",
        after: sha,
        created: false,
        commits: [{ id: sha, added: [], modified: [FILE], removed: ["b.m"] }],
        repository: { default_branch: "main" },
      },
    });
  });

  it("may leave its commits out", async () => {
    github.push(REPO, { files: { [FILE]: "a" }, isListed: false });
    await received(1);

    expect(receiver.received[0]?.payload).toMatchObject({ commits: [], head_commit: null });
  });
});

describe("a path", () => {
  it("has the commits that changed it, or what is below it, the newest first", async () => {
    const first = github.push(REPO, { files: { [FILE]: "a" } });
    github.push(REPO, { files: { "other.m": "x" } });
    const second = github.push(REPO, { files: { [FILE]: null } });

    expect(await shasOf(FILE)).toEqual([second, first]);
    expect(await shasOf(".github")).toEqual([second, first]);
    expect(await shasOf("none")).toEqual([]);
  });

  it("has the file as it was at a commit, and none after it was removed", async () => {
    const sha = github.push(REPO, { files: { [FILE]: "hot: 1\n".repeat(20) } });
    github.push(REPO, { files: { [FILE]: null } });

    const file = await at(FILE, sha);

    expect(file).toMatchObject({ type: "file", encoding: "base64", size: 140 });
    expect(Buffer.from("content" in file ? file.content : "", "base64").toString()).toBe(
      "hot: 1\n".repeat(20),
    );
    expect(await refusal(at(FILE))).toMatchObject({ status: 404 });
  });

  it("may be a folder, a symlink that leads nowhere, or one that is followed", async () => {
    github.push(REPO, {
      files: {
        "folder/a.m": "a",
        lost: { symlink: "nowhere" },
        [FILE]: { symlink: "../folder/a.m" },
      },
    });

    expect(await at("folder")).toMatchObject([{ type: "file", path: "folder/a.m" }]);
    expect(await at("lost")).toMatchObject({ type: "symlink", target: "nowhere" });
    expect(await at(FILE)).toMatchObject({ type: "file", content: "YQ==" });
  });

  it("is that of the default branch, which may become another", async () => {
    github.push(REPO, { files: { [FILE]: "a" }, branch: "next" });
    expect(await shasOf(FILE)).toEqual([]);

    github.setDefaultBranch(REPO, "next");
    await received(2);

    expect(await shasOf(FILE)).toHaveLength(1);
    expect(receiver.received[1]).toMatchObject({
      event: "repository",
      action: "edited",
      payload: { changes: { default_branch: { from: "main" } }, repository: { default_branch: "next" } },
    });
  });

  it("is not read without the right to", async () => {
    await github.close();
    github = await startGitHub({ permissions: { metadata: "read" } });
    github.addRepository(REPO);
    octokit = await installationClient(github, REPO);

    expect(await refusal(shasOf(FILE))).toMatchObject({ status: 403 });
  });
});
