import { describe, expect, test } from "vitest";
import type { LogAnswer } from "../../src/control/logs.ts";
import type { Fact } from "../../src/core/facts.ts";
import { M1, M2, NOW } from "../support/build.ts";
import { created, failed, seen } from "../support/facts.ts";
import { controllerIn, newFolder } from "./controller.ts";

const FILES = {
  [M1]: { "other.log": "o\n", "console.log": "Linux version 6\n", "vagrant.log": "Bringing up\n" },
  [M2]: { "console.log": "second\n" },
};

/** What the logs of a job (by number) or a machine (by name) are, once these facts were told. */
async function logsOf(what: number | string, ...facts: Fact[]): Promise<LogAnswer> {
  const { ask } = await controllerIn(newFolder(), { facts, files: FILES });
  const route = typeof what === "number" ? `/jobs/${what}/logs` : `/machines/${what}/logs`;
  return (await ask(route)) as LogAnswer;
}

const over = (machine: string): Fact => ({ kind: "machine-forgotten", at: NOW + 9, machine });

describe("the logs of a machine", () => {
  test("begin with what happened, and go on with what each part of it said, in the order in which they speak", async () => {
    const answer = await logsOf(
      M1,
      created(M1, 1),
      { kind: "guest-stage", at: NOW + 1000, machine: M1, stage: "booted", text: "in 4 s" },
      { kind: "guest-log", at: NOW + 2000, machine: M1, text: "guest says\n" },
    );

    expect(answer).toEqual({
      sentence: `Machine ${M1} on lab1: ordered.`,
      machine: M1,
      isOver: false,
      parts: [
        {
          name: "story",
          text: [
            `2026-11-23T12:00:00.000Z  machine ${M1} was wanted on lab1\n`,
            "2026-11-23T12:00:01.000Z  the guest: booted (in 4 s)\n",
            "2026-11-23T12:00:02.000Z  the guest sent its log\n",
          ].join(""),
        },
        { name: "vagrant.log", text: "Bringing up\n" },
        { name: "console.log", text: "Linux version 6\n" },
        { name: "guest.log", text: "guest says\n" },
        { name: "other.log", text: "o\n" },
      ],
    });
  });

  test("are there after it failed and is over, with the cause", async () => {
    const answer = await logsOf(M1, created(M1), failed(M1), over(M1));

    expect(answer).toMatchObject({
      isOver: true,
      sentence: `Machine ${M1} on lab1: over. The VM did not finish booting in time: its guest program never called.`,
    });
    expect(answer.parts).toContainEqual({ name: "console.log", text: "Linux version 6\n" });
  });

  test.each(["mayfly-lab-plain-zzzzzzzz", "..%2Fauthority", "%2E%2E", "mayfly-other-plain-aaaaaaaa"])(
    "are not those of %s, of which nothing is known",
    async (name) => {
      await expect(logsOf(name, created(M1))).rejects.toThrow(/There is no machine named|does not know this/);
    },
  );
});

describe("the logs of a job", () => {
  test("are those of the machine that runs it", async () => {
    const answer = await logsOf(
      1,
      seen(1),
      created(M1, 1),
      created(M2),
      seen(1, { status: "running", ranOn: M2 }),
    );

    expect(answer).toMatchObject({ machine: M2, isOver: false });
  });

  test("are those of the machine on its way to it", async () => {
    expect(await logsOf(1, seen(1), created(M2, 1))).toMatchObject({ machine: M2, isOver: false });
  });

  test("are those of the machine that ran it, when it is over", async () => {
    const answer = await logsOf(
      1,
      seen(1),
      created(M1, 1),
      created(M2),
      seen(1, { status: "done", ranOn: M2 }, NOW + 5),
      { kind: "job-closed", at: NOW + 6, job: 1 },
      over(M2),
    );

    expect(answer).toMatchObject({ machine: M2, isOver: true });
  });

  test("are those of the machine that failed last, and go on: the job waits for another", async () => {
    const host = { kind: "host-drained", at: NOW, host: "lab1", drained: true } as const;
    const answer = await logsOf(1, seen(1), created(M1, 1), failed(M1), over(M1), host);

    expect(answer).toMatchObject({ machine: M1, isOver: false });
  });

  test("say that there is no machine yet", async () => {
    expect(await logsOf(1, seen(1))).toEqual({
      sentence: "No machine has been made for job 1 yet. mayfly why 1 says what it waits for.",
      isOver: false,
      parts: [],
    });
  });

  test("say that it ran elsewhere", async () => {
    const facts = [seen(1), seen(1, { status: "running", ranOn: "GitHub Actions 7" })];

    expect(await logsOf(1, ...facts)).toMatchObject({
      sentence: "Job 1 ran on GitHub Actions 7, which is none of Mayfly's machines.",
      parts: [],
    });
  });

  test("are nobody's when nothing is known of it", async () => {
    await expect(logsOf(404)).rejects.toThrow("Nothing is known of job 404.");
  });
});
