import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apply } from "../../src/core/apply.ts";
import { emptyState, type Fact, type State } from "../../src/core/facts.ts";
import type { MachineName } from "../../src/core/types.ts";
import { type ListenerTls, openAuthority } from "../../src/guest/authority.ts";
import { type ConnectionLimits, type GuestListener, startGuestListener } from "../../src/guest/listener.ts";
import type { Clock, Seed } from "../../src/ports.ts";
import { hashToken } from "../../src/token.ts";
import { fakeClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { example } from "./contract.ts";

export const MACHINE = String(example("seed").machine);
export const TOKEN = String(example("seed").token);

/** A certificate authority of its own, with a certificate for 127.0.0.1. */
export async function newAuthority(): Promise<ListenerTls> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-authority-"));
  try {
    return await openAuthority(folder, ["127.0.0.1"], Date.now());
  } finally {
    await rm(folder, { recursive: true });
  }
}

const TLS = await newAuthority();

export type Listening = {
  listener: GuestListener;
  tls: ListenerTls;
  state: State;
  facts: Fact[];
  /** How often the bell was rung. */
  rings: () => number;
  logged: () => string;
  /** Facts are refused, as by a full disk. */
  failing: (fails: boolean) => void;
  /** Writes facts as another part of the controller would. */
  tell: (...facts: Fact[]) => void;
  seed: (changes?: Partial<Seed>) => Seed;
  call: (path: string, body?: unknown, options?: CallOptions) => Promise<Answer>;
  close: () => Promise<void>;
};

export type CallOptions = {
  token?: string | undefined;
  signal?: AbortSignal | undefined;
  ca?: string | undefined;
};
export type Answer = { status: number; body: string; json: () => unknown };

/** The guest listener, on a port of its own, with one machine that was started. */
export async function listening(
  clock: Clock = fakeClock(),
  port = 0,
  limits: Partial<ConnectionLimits> = {},
): Promise<Listening> {
  const tls = TLS;
  const { state, facts, tell } = startedMachine(clock);
  const { log, text } = keptLog();
  let rings = 0;
  let fails = false;
  const listener = await startGuestListener({
    listen: { host: "127.0.0.1", port },
    tls,
    state: () => state,
    record: async (news) => {
      if (fails) throw new Error("the disk is full");
      tell(...news);
    },
    ring: () => {
      rings += 1;
    },
    clock,
    log,
    limits,
  });
  return {
    listener,
    tls,
    state,
    facts,
    tell,
    rings: () => rings,
    logged: text,
    failing: (now) => {
      fails = now;
    },
    seed: (changes) => ({
      machine: MACHINE,
      url: listener.url,
      ca: tls.ca,
      token: TOKEN,
      lifeSeconds: 600,
      ...changes,
    }),
    call: (path, body, options) => call(`${listener.url}/guest/v1/${path}`, body, { ca: tls.ca, ...options }),
    close: () => listener.close(),
  };
}

function startedMachine(clock: Clock): { state: State; facts: Fact[]; tell: (...news: Fact[]) => void } {
  const state = emptyState();
  const facts: Fact[] = [];
  const tell = (...news: Fact[]): void => {
    for (const fact of news) apply(state, fact);
    facts.push(...news);
  };
  startMachine(state, MACHINE, TOKEN, clock.now());
  return { state, facts, tell };
}

/** Puts a machine into the state, as if its VM had been ordered. */
export function startMachine(state: State, machine: MachineName, token: string, at: number): void {
  apply(state, { kind: "machine-created", machine, repo: "octo/spinw", image: "ubuntu", host: "one", at });
  apply(state, { kind: "machine-started", machine, tokenHash: hashToken(token), at });
}

function call(url: string, body: unknown, { token = TOKEN, signal, ca }: CallOptions): Promise<Answer> {
  const content = typeof body === "string" ? body : JSON.stringify(body ?? {});
  const agent = new Agent({ ca });
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: "POST",
      agent,
      signal,
      headers: { authorization: `Bearer ${token}` },
    });
    outgoing.on("error", reject).on("response", (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        text += chunk;
      });
      incoming.on("error", reject);
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, body: text, json: () => JSON.parse(text) }),
      );
    });
    outgoing.end(content);
  }).finally(() => agent.destroy()) as Promise<Answer>;
}
