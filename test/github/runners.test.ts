import { describe, expect, test } from "vitest";
import { Refused, Unanswered } from "../../src/github/errors.ts";
import { aRepository, LABELS, NO_LIMIT, REPO, startPort } from "./support.ts";

const NAME = "mayfly-lab-windows-abcdefgh";
const JIT = "actions/generate-runner-jitconfig-for-repo";
const DELETE = "actions/delete-self-hosted-runner-from-repo";

type Port = Awaited<ReturnType<typeof startPort>>;
const register = ({ github }: Port, name = NAME) => github.register(aRepository(), name, LABELS, NO_LIMIT);

/** Puts a job into the hands of the runner, as GitHub does. */
async function makeBusy({ gh }: Port, name = NAME) {
  const { jobs } = gh.queueRun(REPO, { jobs: [{ name: "test", labels: LABELS, script: "true" }] });
  const runner = gh.runners(REPO).find((one) => one.name === name);
  if (runner) runner.job = gh.job(jobs[0] ?? 0);
}

describe("a just-in-time registration", () => {
  test("makes a runner with exactly the labels given, and answers its configuration", async () => {
    const port = await startPort();

    const registration = await register(port);

    const [runner] = port.gh.runners(REPO);
    expect(runner).toMatchObject({ name: NAME, ephemeral: true });
    expect(runner?.labels.map((label) => label.toLowerCase())).toEqual(LABELS);
    expect(registration).toEqual({ registration: "jit", runnerId: runner?.id, jit: expect.any(String) });
    expect(port.calls()).toEqual([`201 ${JIT}`]);
    expect(port.gh.calls.find(({ operation }) => operation === JIT)?.body).toEqual({
      name: NAME,
      runner_group_id: 1,
      labels: LABELS,
      work_folder: "_work",
    });
  });

  test("under a name that GitHub lists already is taken, after one call", async () => {
    const port = await startPort();
    await register(port);

    const second = await register(port);

    expect(second).toBe("taken");
    expect(port.calls()).toEqual([`201 ${JIT}`, `409 ${JIT}`]);
  });

  test("is not sent twice when GitHub breaks down", async () => {
    const port = await startPort();
    port.gh.faults.answers.push({ operation: JIT, status: 500 });

    const registration = register(port);

    await expect(registration).rejects.toThrow(Unanswered);
    expect(port.calls().filter((call) => call.endsWith(JIT))).toHaveLength(1);
    expect(port.gh.runners(REPO)).toEqual([]);
  });

  test.for<[string, { status?: number; cut?: boolean }]>([
    ["is an error", { status: 502 }],
    ["is cut off", { cut: true }],
  ])("whose answer %s leaves no runner behind, and can be made again", async ([, fault]) => {
    const port = await startPort();
    port.gh.faults.answers.push({ operation: JIT, times: 1, afterEffect: true, ...fault });

    const first = register(port);

    await expect(first).rejects.toThrow(Unanswered);
    expect(port.gh.runners(REPO)).toEqual([]);
    expect(await register(port)).toMatchObject({ registration: "jit" });
  });

  test("whose answer is lost counts as taken if its runner is busy already", async () => {
    const port = await startPort();
    port.gh.faults.answers.push({ operation: JIT, times: 1, status: 502, afterEffect: true });
    port.gh.faults.answers.push({ operation: DELETE, times: 1, status: 422 });

    const registration = await register(port);

    expect(registration).toBe("taken");
  });

  test("leaves its configuration out of the log", async () => {
    const port = await startPort();

    const registration = await register(port);

    if (registration === "taken" || registration.registration !== "jit") throw new Error("no configuration");
    expect(port.logged()).not.toContain(registration.jit);
    expect(port.logged()).not.toContain("ghs_");
  });
});

describe("a registration by token", () => {
  const byToken = aRepository({ registration: "token" });

  test("answers a token and where to register", async () => {
    const port = await startPort();

    const registration = await port.github.register(byToken, NAME, LABELS, NO_LIMIT);

    expect(registration).toEqual({
      registration: "token",
      url: `${port.gh.url}/${REPO}`,
      token: expect.any(String),
      name: NAME,
      labels: LABELS,
    });
    expect(port.gh.runners(REPO)).toEqual([]);
  });

  test("under a name that GitHub lists already is taken", async () => {
    const port = await startPort();
    await register(port);

    const registration = await port.github.register(byToken, NAME, LABELS, NO_LIMIT);

    expect(registration).toBe("taken");
  });
});

describe("the list of runners", () => {
  test("tells who is offline, idle and busy", async () => {
    const port = await startPort();
    for (const name of ["one", "two", "three"]) await register(port, name);
    await makeBusy(port, "three");
    const [, two] = port.gh.runners(REPO);
    if (two) two.session = { id: "s", version: "2.337.0" };

    const runners = await port.github.runners(REPO, NO_LIMIT);

    expect(runners.map(({ name, state }) => [name, state])).toEqual([
      ["one", "offline"],
      ["two", "idle"],
      ["three", "busy"],
    ]);
  });

  test("is read to its last page", async () => {
    const port = await startPort();
    const names = Array.from({ length: 101 }, (_, index) => `runner-${index}`);
    for (const name of names) await register(port, name);

    const runners = await port.github.runners(REPO, NO_LIMIT);

    expect(runners.map(({ name }) => name)).toEqual(names);
  });

  test("is never empty just because GitHub could not be asked", async () => {
    const port = await startPort();
    port.gh.faults.answers.push({ operation: "actions/list-self-hosted-runners-for-repo", status: 503 });

    await expect(port.github.runners(REPO, NO_LIMIT)).rejects.toThrow(Unanswered);
  });
});

describe("the removal of a runner", () => {
  test("removes it", async () => {
    const port = await startPort();
    await register(port);
    const id = port.gh.runners(REPO)[0]?.id ?? 0;

    const answer = await port.github.remove(REPO, id, NO_LIMIT);

    expect(answer).toBe("removed");
    expect(port.gh.runners(REPO)).toEqual([]);
  });

  test("succeeds when it is gone already", async () => {
    const port = await startPort();

    const answer = await port.github.remove(REPO, 12345, NO_LIMIT);

    expect(answer).toBe("removed");
  });

  test("is refused while a job runs in it", async () => {
    const port = await startPort();
    await register(port);
    await makeBusy(port);
    const id = port.gh.runners(REPO)[0]?.id ?? 0;

    const answer = await port.github.remove(REPO, id, NO_LIMIT);

    expect(answer).toBe("busy");
    expect(port.gh.runners(REPO)).toHaveLength(1);
  });

  test("is not believed where GitHub hides the repository", async () => {
    const port = await startPort();
    port.gh.addRepository("SpinW/secret", { private: true });
    const secret = aRepository({ name: "SpinW/secret" });
    await port.github.register(secret, NAME, LABELS, NO_LIMIT);
    const id = port.gh.runners("SpinW/secret")[0]?.id ?? 0;
    port.gh.uninstall("SpinW/secret");

    const removal = port.github.remove("SpinW/secret", id, NO_LIMIT);

    await expect(removal).rejects.toThrow(Refused);
    expect(port.gh.runners("SpinW/secret")).toHaveLength(1);
  });
});
