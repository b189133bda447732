import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Fact } from "../../src/core/facts.ts";
import type { Registration } from "../../src/ports.ts";
import { type FakeClock, fakeClock } from "../support/clock.ts";
import { example, exampleNames } from "./contract.ts";
import { type Listening, listening, MACHINE, startMachine, TOKEN } from "./listening.ts";

const JIT: Registration = { registration: "jit", runnerId: 7, jit: String(example("answer-jit").jit) };

let clock: FakeClock;
let rig: Listening;

beforeEach(async () => {
  clock = fakeClock();
  rig = await listening(clock);
});
afterEach(() => rig.close());

const claim = (changes: object = {}, options = {}) =>
  rig.call("claim", { ...example("claim"), ...changes }, options);
const asking = (name = MACHINE) =>
  vi.waitFor(() => expect(rig.listener.guests.polling().has(name)).toBe(true));
const kinds = () => rig.facts.map(({ kind }) => kind);

describe("a claim", () => {
  test("is answered with the just-in-time configuration, and without the runner's id", async () => {
    const answer = claim();
    await asking();

    const taken = rig.listener.guests.answer(MACHINE, JIT);

    expect(taken).toBe(true);
    const { status, json } = await answer;
    expect(status).toBe(200);
    expect(json()).toEqual(example("answer-jit"));
  });

  test("is answered with a registration token, for the second way", async () => {
    const answer = claim();
    await asking();

    const { url, token, name, labels } = example("answer-token");
    rig.listener.guests.answer(MACHINE, {
      registration: "token",
      url: String(url),
      token: String(token),
      name: String(name),
      labels: labels as string[],
    });

    expect((await answer).json()).toEqual(example("answer-token"));
  });

  test("is written down, and rings, before it is answered; a second one only rings", async () => {
    const first = claim();
    await asking();

    expect(rig.facts).toEqual<Fact[]>([
      { kind: "guest-asked", machine: MACHINE, runnerVersion: "2.337.0", at: clock.now() },
    ]);
    expect(rig.rings()).toBe(1);

    const second = claim();
    expect((await first).status).toBe(204);
    await vi.waitFor(() => expect(rig.rings()).toBe(2));
    expect(kinds()).toEqual(["guest-asked"]);
    rig.listener.guests.answer(MACHINE, JIT);
    expect((await second).status).toBe(200);
  });

  test("is asked again after 25 s without work", async () => {
    const answer = claim();
    await asking();

    await clock.advance(25_000);

    expect((await answer).status).toBe(204);
    expect(rig.listener.guests.polling().size).toBe(0);
  });

  test("that its guest has left is not open, and cannot be answered", async () => {
    const leaving = new AbortController();
    const answer = claim({}, { signal: leaving.signal });
    await asking();

    leaving.abort();

    await expect(answer).rejects.toThrow();
    await vi.waitFor(() => expect(rig.listener.guests.polling().has(MACHINE)).toBe(false));
    expect(rig.listener.guests.answer(MACHINE, JIT)).toBe(false);
  });

  test("is answered once: a second answer finds nobody", async () => {
    const answer = claim();
    await asking();

    rig.listener.guests.answer(MACHINE, JIT);

    expect(rig.listener.guests.answer(MACHINE, JIT)).toBe(false);
    await answer;
  });

  test("of a machine that was given its registration is refused for good", async () => {
    rig.tell({ kind: "machine-configured", machine: MACHINE, at: clock.now() });

    expect((await claim()).status).toBe(410);
    expect(rig.listener.guests.polling().size).toBe(0);
  });

  test("of a retired machine is refused for good", async () => {
    rig.tell({ kind: "machine-retired", machine: MACHINE, why: "surplus", at: clock.now() });

    expect((await claim()).status).toBe(410);
  });

  test("with an unknown token is refused, and leaves no fact", async () => {
    expect((await claim({}, { token: "a-token-that-nobody-has" })).status).toBe(401);
    expect(rig.facts).toEqual([]);
  });

  test("with another machine's token is refused", async () => {
    const other = "mayfly-lab-ubuntu-zzzzzzzz";
    startMachine(rig.state, other, "another-token-of-some-length", clock.now());

    expect((await claim({ machine: other })).status).toBe(401);
    expect((await claim({}, { token: "another-token-of-some-length" })).status).toBe(401);
  });

  test.each([
    ["is not JSON", "{"],
    ["lacks a field", { ...example("claim"), runnerVersion: undefined }],
    ["has a version that is no version", { ...example("claim"), runnerVersion: "2.0\n<b>" }],
  ])("that %s is refused", async (_what, body) => {
    expect((await rig.call("claim", body)).status).toBe(400);
  });

  test("is told to try again when its fact cannot be written, and is not open", async () => {
    rig.failing(true);

    expect((await claim()).status).toBe(503);
    expect(rig.listener.guests.polling().size).toBe(0);

    rig.failing(false);
    const again = claim();
    await asking();
    rig.listener.guests.answer(MACHINE, JIT);
    expect((await again).status).toBe(200);
  });

  test("is told to try again when the controller ends", async () => {
    const answer = claim();
    await asking();

    await rig.listener.close();

    expect((await answer).status).toBe(503);
    rig = await listening(clock);
  });
});

describe("a report", () => {
  test.each(exampleNames("report-"))("like the example %s is taken", async (name) => {
    expect((await rig.call("report", example(name))).status).toBe(204);
    expect(rig.facts.length).toBeGreaterThan(0);
    expect(rig.rings()).toBe(1);
  });

  test("that a job has started is written once", async () => {
    await rig.call("report", example("report-working"));
    await rig.call("report", example("report-working"));

    expect(rig.facts).toEqual<Fact[]>([{ kind: "guest-working", machine: MACHINE, at: clock.now() }]);
  });

  test("of the end holds exit code, text and whether a job ran", async () => {
    await rig.call("report", example("report-ended"));

    const { exitCode, ranJob, text } = example("report-ended");
    expect(rig.state.machines.get(MACHINE)?.outcome).toEqual({ exitCode, ranJob, text });
  });

  test("of a failure is an end without a job", async () => {
    await rig.call("report", example("report-failed"));

    const machine = rig.state.machines.get(MACHINE);
    expect(machine?.stage?.name).toBe("failed");
    expect(machine?.outcome).toEqual({ exitCode: 1, ranJob: false, text: example("report-failed").text });
  });

  test("is still taken from a machine that was retired", async () => {
    rig.tell({ kind: "machine-retired", machine: MACHINE, why: "operator", at: clock.now() });

    expect((await rig.call("report", example("report-ended"))).status).toBe(204);
    expect(rig.state.machines.get(MACHINE)?.endedAt).toBe(clock.now());
  });

  test("with a stage that is not in the contract is refused", async () => {
    expect((await rig.call("report", { stage: "dancing" })).status).toBe(400);
    expect((await rig.call("report", { stage: "ended" })).status).toBe(400);
  });
});

describe("a log", () => {
  test("is kept without control characters, its last 16 KiB", async () => {
    const log = `${"x".repeat(20_000)}\u001b[31mred\u001b[0m\u0007 \u202eright\r\nend\n`;

    expect((await rig.call("log", log)).status).toBe(204);

    const kept = rig.state.machines.get(MACHINE)?.guestLog ?? "";
    expect(kept).toHaveLength(16 * 1024);
    expect(kept.endsWith("xred right\nend\n")).toBe(true);
  });

  test("longer than the contract allows is refused", async () => {
    expect((await rig.call("log", "x".repeat(64 * 1024 + 1))).status).toBe(413);
    expect(rig.facts).toEqual([]);
  });
});

describe("a hostile guest", () => {
  test("cannot fill the history", async () => {
    const answers: number[] = [];

    for (let round = 0; round < 60; round += 1) {
      answers.push((await rig.call("report", { stage: "runner-started", text: "x".repeat(8000) })).status);
      await clock.advance(2000);
    }

    expect(answers.filter((status) => status === 204)).toHaveLength(20);
    expect(JSON.stringify(rig.facts).length).toBeLessThan(20 * 1200);
  });

  test("that calls without pause is slowed down, and its neighbour is not", async () => {
    startMachine(rig.state, "neighbour", "the-token-of-its-neighbour", clock.now());

    const answers = await Promise.all(
      Array.from({ length: 40 }, () => rig.call("report", example("report-runner-started"))),
    );

    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(10);
    const { status } = await rig.call("report", example("report-working"), {
      token: "the-token-of-its-neighbour",
    });
    expect(status).toBe(204);
    await clock.advance(60_000);
    expect((await rig.call("report", example("report-working"))).status).toBe(429); // its writes are used up
  });
});

describe("connections", () => {
  const connect = (url: string) => {
    const socket = connectTls({
      host: "127.0.0.1",
      port: Number(new URL(url).port),
      ca: rig.tls.ca,
    }).resume();
    socket.on("error", () => undefined); // a reset is one way to be cut off
    const closed = new Promise((resolve) => socket.once("close", resolve));
    return { socket, closed };
  };

  test("that say nothing are cut off, and claims that wait are not", async () => {
    await rig.close();
    rig = await listening(clock, 0, { requestMs: 200 });
    const answer = claim();
    await asking();
    const silent = connect(rig.listener.url);
    const begun = connect(rig.listener.url);
    begun.socket.write("POST /guest/v1/claim HTTP/1.1\r\n");

    await Promise.all([silent.closed, begun.closed]);

    expect(rig.listener.guests.polling().has(MACHINE)).toBe(true);
    rig.listener.guests.answer(MACHINE, JIT);
    expect((await answer).status).toBe(200);
  });

  test("beyond what one address may have are closed at once", async () => {
    await rig.close();
    rig = await listening(clock, 0, { connectionsPerAddress: 2 });
    const first = claim();
    await asking();
    const second = connect(rig.listener.url);
    await once(second.socket, "secureConnect");

    await connect(rig.listener.url).closed;

    expect(second.socket.closed).toBe(false);
    second.socket.destroy();
    rig.listener.guests.answer(MACHINE, JIT);
    expect((await first).status).toBe(200);
  });
});

test("the time of a guest's last call is known", async () => {
  expect(rig.listener.guests.heardAt(MACHINE)).toBeUndefined();

  await rig.call("report", example("report-runner-started"));
  await clock.advance(5000);
  await rig.call("report", example("report-working"));

  expect(rig.listener.guests.heardAt(MACHINE)).toBe(clock.now());
});

test("no token and no registration is ever logged", async () => {
  const answer = claim();
  await asking();
  rig.listener.guests.answer(MACHINE, JIT);
  await answer;
  rig.failing(true);
  await rig.call("report", example("report-ended"));
  await claim({}, { token: "a-token-that-nobody-has" });

  expect(rig.logged()).toContain("a guest's call failed");
  for (const secret of [TOKEN, JIT.registration === "jit" ? JIT.jit : "", "a-token-that-nobody-has"]) {
    expect(rig.logged()).not.toContain(secret);
  }
});

test("a client that does not know our certificate authority does not connect", async () => {
  await expect(rig.call("claim", example("claim"), { ca: "" })).rejects.toThrow(/certificate/);
});

test("an address that is taken is said in a sentence", async () => {
  const port = Number(new URL(rig.listener.url).port);

  await expect(listening(clock, port)).rejects.toThrow(`Cannot listen on 127.0.0.1 port ${port}.`);
});
