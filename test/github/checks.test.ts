import { describe, expect, test } from "vitest";
import { shorten } from "../../src/github/checks.ts";
import { Unanswered } from "../../src/github/errors.ts";
import { aCheckRun, aJob, NO_LIMIT, REPO, startPort } from "./support.ts";

const LIMIT = 65_535;

describe("a check run", () => {
  test("is made on the job's commit, and bears the job's id", async () => {
    const { gh, github, calls } = await startPort();
    const job = aJob();

    const id = await github.publish(job, aCheckRun({ text: "All of it." }), "new", NO_LIMIT);

    expect(gh.checkRuns(REPO, job.headSha)).toMatchObject([
      {
        id,
        name: "Mayfly: test",
        status: "queued",
        externalId: "7",
        output: { title: "Waiting", summary: "Nothing is wrong.", text: "All of it." },
      },
    ]);
    expect(calls()).toEqual(["201 checks/create"]);
  });

  test("is updated in one call, up to its end", async () => {
    const { gh, github, calls } = await startPort();
    const id = await github.publish(aJob(), aCheckRun(), "new", NO_LIMIT);
    const startedAt = Date.parse("2026-11-23T12:00:10Z");
    const completedAt = Date.parse("2026-11-23T12:05:00Z");

    const same = await github.publish(
      aJob(),
      aCheckRun({
        status: "completed",
        conclusion: "failure",
        startedAt,
        completedAt,
        title: "The VM did not boot",
      }),
      id,
      NO_LIMIT,
    );

    expect(same).toBe(id);
    expect(gh.checkRuns(REPO)).toMatchObject([
      {
        id,
        status: "completed",
        conclusion: "failure",
        startedAt,
        completedAt,
        output: { title: "The VM did not boot" },
      },
    ]);
    expect(calls()).toEqual(["201 checks/create", "200 checks/update"]);
  });

  test("leads to the job's page, where there are pages", async () => {
    const { gh, github } = await startPort({ publicUrl: "https://mayfly.example.org" });

    const id = await github.publish(aJob(), aCheckRun(), "new", NO_LIMIT);
    await github.publish(aJob(), aCheckRun({ status: "in_progress" }), id, NO_LIMIT);

    expect(gh.checkRuns(REPO)).toMatchObject([
      { status: "in_progress", detailsUrl: "https://mayfly.example.org/jobs/7" },
    ]);
  });

  test("leads to the job at GitHub, where there are no pages", async () => {
    const { gh, github } = await startPort();
    const url = "https://github.com/octo/spinw/actions/runs/1/job/7";

    await github.publish(aJob({ url }), aCheckRun(), "new", NO_LIMIT);

    expect(gh.checkRuns(REPO)).toMatchObject([{ detailsUrl: url }]);
  });

  test("that is gone is made anew", async () => {
    const { gh, github } = await startPort();

    const id = await github.publish(aJob(), aCheckRun(), 12345, NO_LIMIT);

    expect(gh.checkRuns(REPO)).toMatchObject([{ id }]);
  });

  test("is not made twice when the answer to the first call was lost", async () => {
    const { gh, github } = await startPort();
    gh.faults.answers.push({ operation: "checks/create", times: 1, status: 502, afterEffect: true });

    const first = github.publish(aJob(), aCheckRun(), "new", NO_LIMIT);
    await expect(first).rejects.toThrow(Unanswered);
    const id = await github.publish(aJob(), aCheckRun({ title: "Booting" }), "find", NO_LIMIT);

    expect(gh.checkRuns(REPO)).toMatchObject([{ id, output: { title: "Booting" } }]);
  });

  test("of another job with the same name on the same commit is not taken for it", async () => {
    const { gh, github } = await startPort();
    const other = await github.publish(aJob({ id: 6 }), aCheckRun({ title: "Other" }), "new", NO_LIMIT);

    const id = await github.publish(aJob({ id: 7 }), aCheckRun({ title: "Own" }), "find", NO_LIMIT);

    expect(id).not.toBe(other);
    expect(gh.checkRuns(REPO).map(({ externalId, output }) => [externalId, output.title])).toEqual([
      ["6", "Other"],
      ["7", "Own"],
    ]);
  });

  test("with more text than GitHub takes is cut, not lost", async () => {
    const { gh, github } = await startPort();

    await github.publish(
      aJob(),
      aCheckRun({ summary: "ä".repeat(LIMIT), text: "x".repeat(LIMIT + 1) }),
      "new",
      NO_LIMIT,
    );

    const [check] = gh.checkRuns(REPO);
    expect(Buffer.byteLength(check?.output.summary ?? "")).toBeLessThanOrEqual(LIMIT);
    expect(Buffer.byteLength(check?.output.text ?? "")).toBeLessThanOrEqual(LIMIT);
    expect(check?.output.text).toMatch(/x… \(cut|x\n\n… \(cut/);
  });
});

describe("a text that is cut", () => {
  test("stays as it is if it fits to the byte", () => {
    const text = "x".repeat(LIMIT);

    expect(shorten(text)).toBe(text);
  });

  test.for(["é", "€", "😀"])("is never cut within a character: %s", (character) => {
    for (const shift of ["", "x", "xx", "xxx"]) {
      const cut = shorten(shift + character.repeat(LIMIT));

      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(LIMIT);
      expect(cut.replace(/\n\n… \(cut.*$/s, "")).toMatch(new RegExp(`^${shift}(?:${character})+$`, "u"));
    }
  });

  test("closes a code block that it cuts through", () => {
    const cut = shorten(`before\n\`\`\`\n${"log line\n".repeat(10_000)}`);

    expect(cut.match(/^```$/gm)).toHaveLength(2);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(LIMIT);
  });
});
