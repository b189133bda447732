import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { History, Report } from "../src/control/history.ts";
import type { LogAnswer } from "../src/control/logs.ts";
import { SITE_LABELS, SITE_REPO, type Site, startSite } from "./rig/site.ts";

/** What people ask a controller that serves jobs, on a site that the tests share. */

const LIMIT_MS = 60_000;
const HOME = "\u001b[H";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CTRL_C = "\u0003";
const CLI = resolve(import.meta.dirname, "../src/cli.ts");

let site: Site;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-people-"));
  await chmod(folder, 0o711);
  site = await startSite({ driver: "fake", folder, controller: `ppl${randomBytes(2).toString("hex")}` });
}, LIMIT_MS);
afterAll(async () => {
  await site.close();
  await rm(folder, { recursive: true, force: true });
});

function queue(script: string): number {
  const jobs = [{ name: "test", labels: SITE_LABELS, script }];
  return site.github.queueRun(SITE_REPO, { name: "CI", jobs }).jobs[0] ?? 0;
}

const json = async <T>(...args: string[]) => JSON.parse(await site.mayfly(...args, "--json")) as T;

/** A command that goes on. `output` is what it has printed. */
function follow(...args: string[]) {
  return followed(spawn(process.execPath, [CLI, "--config", site.config, ...args]));
}

function followed(child: ChildProcess) {
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = once(child, "exit");
  return {
    output: () => output,
    interrupt: () => void child.kill("SIGINT"),
    ended: async () => (await ended)[0] as number | null,
  };
}

const untilSaid = (command: { output: () => string }, text: string | RegExp) =>
  expect.poll(command.output, { timeout: LIMIT_MS }).toMatch(text);

describe("mayfly logs", () => {
  test("follows a job's machine from its order to its end", { timeout: LIMIT_MS }, async () => {
    const job = queue("sleep 1");
    await site.github.until(() => site.github.job(job).status === "in_progress", LIMIT_MS);

    const command = follow("logs", "-f", `${site.github.url}/${SITE_REPO}/actions/runs/1/job/${job}`);
    const code = await command.ended();

    expect(code).toBe(0);
    expect(command.output()).toMatch(/^Machine mayfly-\S+-linux-\S+ on lab1: /);
    expect(command.output()).toMatch(/==> story <==\n\S+ {2}machine \S+ was wanted on lab1\n/);
    expect(command.output()).toMatch(/the VM \S+ was destroyed\n\S+ {2}machine \S+ is over\n/);
    expect(command.output().match(/was wanted on lab1/g)).toHaveLength(1);
  });

  test("tells what a machine said that is over", { timeout: LIMIT_MS }, async () => {
    const job = queue("true");
    await site.github.until(() => site.github.job(job).status === "completed", LIMIT_MS);

    const { machine = "" } = await json<LogAnswer>("logs", String(job));
    const said = await site.mayfly("logs", machine);

    expect(said).toContain("the guest's runner began a job");
  });
});

describe("mayfly history and report", () => {
  test("tell of the jobs that ran", { timeout: LIMIT_MS }, async () => {
    const job = queue("true");
    await site.github.until(() => site.github.job(job).status === "completed", LIMIT_MS);
    const latest = async () => (await json<History>("history", "--since", "1h", "--limit", "1")).jobs[0];

    await expect.poll(latest, { timeout: LIMIT_MS }).toMatchObject({
      id: job,
      repo: SITE_REPO,
      image: "linux",
      conclusion: "success",
      machine: expect.stringContaining("-linux-"),
    });
    const { month, isWhole, usage } = await json<Report>("report");

    expect(await site.mayfly("history", "--repo", SITE_REPO)).toMatch(
      new RegExp(`^ENDED .*\\n(?:.*\\n)*\\S+ \\S+ +${SITE_REPO} +${job} +test +linux .* success `),
    );
    expect(await site.mayfly("history", "--repo", "octo/other")).toBe(
      "No job of Mayfly's has ended in the last 7d.\n",
    );
    expect({ month, isWhole }).toEqual({ month: new Date().toISOString().slice(0, 7), isWhole: false });
    expect(usage).toEqual([expect.objectContaining({ repo: SITE_REPO, machinesFailed: 0, jobsGivenUp: 0 })]);
    expect(usage[0]?.jobs).toBeGreaterThanOrEqual(1);
    expect(await site.mayfly("report")).toMatch(/ JOBS +VM HOURS +QUEUE P50 +QUEUE P95 +MACHINES FAILED /);
  });
});

describe("mayfly doctor", () => {
  test("finds nothing wrong with a site that works", { timeout: LIMIT_MS }, async () => {
    const said = await site.mayfly("doctor");

    expect(said.trim().split("\n")).toEqual([
      "Data folder: all is well",
      "Images: all is well",
      "Host lab1: all is well",
      "Environment: all is well",
      "GitHub App: all is well",
      "Webhooks: all is well",
      "Clock: all is well",
      `Repository ${SITE_REPO}: all is well`,
    ]);
    expect(site.github.violations).toEqual([]);
  });
});

describe("mayfly ps --watch", () => {
  test("shows each change behind the last where there is no terminal, and ends cleanly", {
    timeout: LIMIT_MS,
  }, async () => {
    const command = follow("ps", "--watch");
    await untilSaid(command, "lab1   0 of 2     ready");

    await site.mayfly("drain", "lab1");
    await untilSaid(command, /ready\n(?:.*\n)+lab1 {3}0 of 2 {5}drained/);
    await site.mayfly("drain", "lab1", "--off");
    command.interrupt();

    expect(await command.ended()).toBe(0);
    expect(command.output()).not.toContain("\u001b");
  });

  test("is an object a line for programs", { timeout: LIMIT_MS }, async () => {
    const command = follow("ps", "--watch", "--json");
    await untilSaid(command, "\n");
    command.interrupt();

    expect(await command.ended()).toBe(0);
    expect(
      command
        .output()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ hosts: [{ name: "lab1" }] }]);
  });

  test("draws a terminal over, as wide and as long as it is, and gives its cursor back", {
    timeout: LIMIT_MS,
  }, async () => {
    const line = `stty rows 4 cols 30; exec ${process.execPath} ${CLI} --config ${site.config} ps --watch`;
    // See: script(1). It gives the command a terminal of its own.
    const terminal = spawn("script", ["-qefc", line, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
    const command = followed(terminal);
    const frames = () => command.output().split(HOME).slice(1);

    await expect.poll(() => frames().length, { timeout: LIMIT_MS }).toBeGreaterThanOrEqual(3);
    terminal.stdin.write(CTRL_C);
    const code = await command.ended();

    expect(code).toBe(0);
    expect(command.output()).toContain(HIDE_CURSOR);
    expect(frames().at(-1)).toContain(SHOW_CURSOR);
    // NB: the terminal itself shows the ^C behind the last one.
    const drawn = frames().slice(0, -1);
    const lines = drawn.map((frame) => stripVTControlCharacters(frame).trimEnd().split("\r\n"));
    expect(lines[0]?.[1]).toMatch(/^lab1 {3}\d of 2 {5}ready$/);
    for (const frame of lines) expect(frame.length).toBeLessThanOrEqual(3);
    for (const text of lines.flat()) expect(text.length).toBeLessThanOrEqual(30);
  });
});
