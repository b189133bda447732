import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { installationClient, named, runnerProgram } from "../support/github.ts";
import { connectGitHub } from "./github/client.ts";
import { markdownToHtml } from "./github/pages/markdown.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** What people and other processes see of the emulated GitHub. */

const REPO = "octo/spinw";
const spinw = named(REPO);
const job = { name: "unit tests", labels: ["spinw"], script: "true" };

describe("the page of a commit", () => {
  let github: EmulatedGitHub;

  beforeEach(async () => {
    github = await startGitHub();
    github.addRepository(REPO);
  });

  afterEach(() => github.close());

  it("shows check runs with their text, jobs with their log, and their times", async () => {
    const { headSha } = github.queueRun(REPO, { jobs: [job] });
    const octokit = await installationClient(github, REPO);
    const order = { ...spinw, name: "m1", runner_group_id: 1, labels: ["spinw"] };
    const { data } = await octokit.rest.actions.generateRunnerJitconfigForRepo(order);
    const runner = runnerProgram(data.encoded_jit_config);
    await runner.openSession();
    const { jobId } = Object(await (await runner.message(5)).json());
    await runner.call("POST", `/jobs/${jobId}/log`, "All <b>well</b>.\n");
    await runner.call("POST", `/jobs/${jobId}/complete`, { result: "Succeeded" });
    const output = { title: "Ran for 3 s", summary: "| stage | took |\n| --- | --- |\n| boot | 2 s |" };
    const check = { ...spinw, name: "Mayfly / unit tests", head_sha: headSha, output };
    await octokit.rest.checks.create({ ...check, conclusion: "success" });

    const page = await (await fetch(`${github.url}/octo/spinw/commit/${headSha}/checks`)).text();

    expect(page).toContain("2 successful");
    expect(page).toContain("<h3>Ran for 3 s</h3>");
    expect(page).toContain("<td>boot</td>");
    expect(page).toContain("All &lt;b&gt;well&lt;/b&gt;.");
    expect(page).toContain("<strong>m1</strong>");
    expect(page).toMatch(/Successful in \d s, <time/);
  });

  it("puts names from outside into the page as text", async () => {
    const { headSha } = github.queueRun(REPO, {
      name: "<script>alert(1)</script>",
      headBranch: '"><script>alert(2)</script>',
      jobs: [{ ...job, name: "<img src=x onerror=alert(3)>" }],
    });

    const commit = await (await fetch(`${github.url}/octo/spinw/commit/${headSha}/checks`)).text();
    const front = await (await fetch(`${github.url}/`)).text();

    expect(commit).toContain("&lt;img src=x");
    expect(front).toContain("&lt;script&gt;alert(1)");
    for (const page of [commit, front]) expect(page).not.toMatch(/<script|<img/);
  });

  it("is not there for a commit or repository that GitHub does not know", async () => {
    expect((await fetch(`${github.url}/octo/spinw/commit/${"a".repeat(40)}/checks`)).status).toBe(404);
    expect((await fetch(`${github.url}/octo/other/commit/${"a".repeat(40)}/checks`)).status).toBe(404);
  });

  it("is where the address of a job and of a check run lead", async () => {
    const { headSha, jobs } = github.queueRun(REPO, { jobs: [job] });
    const octokit = await installationClient(github, REPO);
    const { data } = await octokit.rest.actions.getJobForWorkflowRun({ ...spinw, job_id: Number(jobs[0]) });
    const check = await octokit.rest.checks.create({ ...spinw, name: "Mayfly", head_sha: headSha });

    const addresses = [data.html_url, check.data.html_url].map((url) => fetch(String(url)));

    const landed = (await Promise.all(addresses)).map((response) => response.url);
    expect(landed).toEqual(Array(2).fill(expect.stringContaining(`/octo/spinw/commit/${headSha}/checks`)));
  });
});

describe("Markdown", () => {
  it.each([
    ["a script", "<script>alert(1)</script>", "<script"],
    ["an attribute", "<details onclick=alert(1)>", "<details"],
    ["a picture", "![x](https://example.org/x.png)", "<img"],
    ["a link that is no web address", "[x](javascript:alert(1))", "<a"],
    ["a link that breaks out of its attribute", '[x](https://example.org/"onclick="alert(1))', '"onclick'],
    ["markup in a code block", "```\n</code><script>\n```", "<script"],
  ])("never lets through %s", (_what, text, markup) => {
    expect(markdownToHtml(text)).not.toContain(markup);
  });

  it("keeps what people fold and shape text with", () => {
    const text =
      "<details><summary>Console</summary>\n\n```\nlogin:\n```\n\n</details>\n\n[docs](https://example.org/)";

    const page = markdownToHtml(text);

    expect(page).toContain("<details><summary>Console</summary>");
    expect(page).toContain("<pre><code>login:");
    expect(page).toContain('<a href="https://example.org/" rel="nofollow">docs</a>');
  });
});

describe("the emulator as a process", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "mayfly-github-"));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it("is driven over HTTP, writes its credentials for nobody else, and keeps them", async () => {
    const file = join(folder, "credentials.json");
    const first = await startProcess(file);
    const github = connectGitHub(first.url);

    const { runId, jobs } = await github.queueRun(REPO, { jobs: [job] });
    const queued = await github.until((state) => state.jobs.some(({ status }) => status === "queued"), 5000);
    await github.cancelRun(runId);
    const ended = await github.until(
      (state) => state.jobs.every(({ status }) => status === "completed"),
      5000,
    );
    const unknown = github.cancelJob(7);

    expect(queued.jobs.map(({ id }) => id)).toEqual(jobs);
    expect(ended.runs).toMatchObject([{ id: runId, conclusion: "cancelled" }]);
    await expect(unknown).rejects.toThrow("GitHub has nothing with the id 7");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { privateKey } = JSON.parse(await readFile(file, "utf8"));
    expect(await first.stop()).toBe(0);
    const second = await startProcess(file);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ privateKey, url: second.url });
    expect(await second.stop()).toBe(0);
  });
});

async function startProcess(
  credentials: string,
): Promise<{ url: string; stop: () => Promise<number | null> }> {
  const main = join(import.meta.dirname, "github/main.ts");
  const child = spawn(process.execPath, [main, "--credentials", credentials, "--repository", REPO], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  for await (const line of createInterface(child.stdout)) {
    const url = /^emulated GitHub: (\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    return {
      url,
      stop() {
        child.kill("SIGTERM");
        return ended;
      },
    };
  }
  throw new Error(`the emulator ended with ${await ended}`);
}
