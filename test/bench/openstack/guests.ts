import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { checkServerIdentity } from "node:tls";
import type { Seed } from "../../../src/ports.ts";
import { runnerProgram } from "../../support/github.ts";

/** How long a guest boots, and its job takes. */
export type Pace = { bootMs: number; jobMs: number };
/** So many jobs are to run at the same time: none ends before, and then not all in the same moment. */
export type GuestsParts = Pace & { together: number };

/** For each job that runs, so much longer is the time within which they end. */
const APART_MS = 10;

/** Guests of VMs that are nothing but a row in Nova: each lives as guest/contract.md says, over HTTPS, with the seed from its user data. */
export type Guests = {
  /** A VM of this user data is up. */
  boot(userData: string): void;
  /** Guests that a job ended in. */
  ended: () => number;
  /** What went wrong in a guest. */
  failures: string[];
  close(): void;
};

const VERSION = "2.337.0";
/** A call that had no answer is made again, as guest/unix/calls.sh does it. */
const PAUSE_MS = 500;

export function simulatedGuests({ bootMs, jobMs, together }: GuestsParts): Guests {
  const closing = new AbortController();
  const failures: string[] = [];
  const allWork = Promise.withResolvers<void>();
  let booted = 0;
  let working = 0;
  let ended = 0;

  async function live(seed: Seed, address: string): Promise<void> {
    await pause(bootMs, closing.signal);
    const caller = callerOf(seed, address, closing.signal);
    const jit = await claim(seed, caller);
    if (jit === undefined) return;
    await work(jit, caller);
    ended += 1;
  }

  async function work(jit: string, call: Caller): Promise<void> {
    const runner = runnerProgram(jit);
    await runner.openSession(VERSION);
    let offer = await runner.message(50);
    while (offer.status === 202) offer = await runner.message(50);
    if (offer.status !== 200) throw new Error(`the runner was answered ${offer.status}`);
    const { jobId } = (await offer.json()) as { jobId: number };
    await call("report", { stage: "working" });
    working += 1;
    if (working >= together) allWork.resolve();
    await allWork.promise;
    await pause(jobMs + Math.random() * together * APART_MS, closing.signal);
    await runner.call("POST", `/jobs/${jobId}/complete`, { result: "Succeeded" });
    await call("report", { stage: "ended", exitCode: 100, ranJob: true, text: "the job succeeded" });
  }

  return {
    boot(userData) {
      booted += 1;
      void live(seedOf(userData), addressOf(booted)).catch((error: unknown) => {
        if (!closing.signal.aborted) failures.push(String(error));
      });
    },
    ended: () => ended,
    failures,
    close: () => closing.abort(),
  };
}

/** Asks for work until there is some; undefined: there is none for this machine. */
async function claim(seed: Seed, call: Caller): Promise<string | undefined> {
  const body = {
    machine: seed.machine,
    os: "linux",
    arch: "x64",
    guestVersion: "1",
    runnerVersion: VERSION,
  };
  for (;;) {
    const { status, answer } = await call("claim", body);
    if (status === 200) return (JSON.parse(answer) as { jit: string }).jit;
    if (status === 410) return undefined;
    if (status !== 204) throw new Error(`a claim was answered ${status}`);
  }
}

type Caller = (path: string, body: object) => Promise<{ status: number; answer: string }>;

/** One that waits for its turn as the contract says: what was not answered, and 429 and 5xx, is called again. */
function callerOf(seed: Seed, address: string, signal: AbortSignal): Caller {
  const agent = new Agent({ keepAlive: true, ca: seed.ca, localAddress: address });
  return async (path, body) => {
    for (;;) {
      const came = await callOnce({ seed, agent, path, body, signal }).catch(() => undefined);
      signal.throwIfAborted();
      if (came && came.status !== 429 && came.status < 500) return came;
      await pause(PAUSE_MS, signal);
    }
  };
}

type Call = { seed: Seed; agent: Agent; path: string; body: object; signal: AbortSignal };

function callOnce({ seed, agent, path, body, signal }: Call): Promise<{ status: number; answer: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: string }>();
  const headers = { authorization: `Bearer ${seed.token}`, "content-type": "application/json" };
  const { hostname, port } = new URL(seed.url);
  const call = request({
    ...{ host: "127.0.0.1", port, path: `/guest/v1/${path}`, method: "POST", agent, headers, signal },
    // The seed's own address leads nowhere here; that it is who listens is proven all the same.
    checkServerIdentity: (_here, certificate) => checkServerIdentity(hostname, certificate),
  });
  call.on("response", (reply) => {
    text(reply).then((answer) => resolve({ status: reply.statusCode ?? 0, answer }), reject);
  });
  call.on("error", reject);
  call.end(JSON.stringify(body));
  return promise;
}

/** See: guest/contract.md, "The seed". */
function seedOf(userData: string): Seed {
  const [mark, json = ""] = userData.split("\n");
  if (mark !== "MAYFLYSEED1") throw new Error("these user data are not ours");
  return JSON.parse(json);
}

/** NB: the listener takes so many connections from one address only, and all of 127.0.0.0/8 is this computer. */
const addressOf = (index: number): string => `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((done, fail) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(signal.reason);
    });
  });
