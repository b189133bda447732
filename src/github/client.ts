import { createPrivateKey, randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { Probot, type ProbotOctokit } from "probot";
import { z } from "zod";
import type { RepoName } from "../core/types.ts";
import type { Standing } from "../ports.ts";
import { SetupError } from "../ports.ts";
import { NoToken, Refused, Unanswered } from "./errors.ts";
import { carefulOctokit, type LimitParts } from "./octokit.ts";

/** Of one call, from the request to the last byte of the answer. Octokit itself would wait for ever. */
const CALL_MS = 15_000;
export const PER_PAGE = 100;

export type ClientOptions = LimitParts & {
  appId: number;
  /** PEM. */
  privateKey: string;
  /** Base address of the REST API, without a slash at the end. */
  apiUrl: string;
  log: Logger;
  /** Time limit of one call in milliseconds. Only tests set it. */
  callMs?: number | undefined;
};

export type Call<T, E> = {
  send: () => Promise<{ data: unknown }>;
  /** What the answer has to look like. One that does not counts as no answer. */
  shape: z.ZodType<T>;
  /** Answers that are no failure here, by status. */
  expect?: Readonly<Record<number, E>> | undefined;
};

/** A client that may act in one repository, and the parameters that every call there has. */
export type InRepo = {
  rest: ProbotOctokit["rest"];
  at: { owner: string; repo: string; request: { signal: AbortSignal } };
  installation: number;
};

/** All verbs throw `GitHubUnavailable` when GitHub did not do as it was asked, or the reason of the caller's own abort. */
export type Client = {
  probot: Probot;
  appId: number;
  log: Logger;
  /** Acts as the App itself, or as one installation of it. */
  as(installation?: number): Promise<ProbotOctokit["rest"]>;
  /** Acts as the installation that the repository belongs to. */
  inRepo<T>(repo: RepoName, signal: AbortSignal, act: (place: InRepo) => Promise<T>): Promise<T>;
  /** Notes which installation a webhook said that a repository belongs to, which spares a call. */
  learn(repo: RepoName, installation: number): void;
  /** How each installation stands with GitHub's limits. */
  standing(): Standing[];
  /** When GitHub last did as it was asked; undefined: not yet. */
  answeredAt(): number | undefined;
};

/** Opens the way to GitHub; nothing is called yet. Throws `SetupError` if the private key is none. */
export function newClient(options: ClientOptions): Client {
  const { appId, privateKey, apiUrl, log, callMs = CALL_MS } = options;
  refuseBadKey(privateKey);
  const installations = new Map<string, number>();
  /** By repository and installation: those that turned out to be of the past. */
  const outdated = new Set<string>();
  const quiet = discreet(log);
  const careful = carefulOctokit(options);
  const probot = new Probot({
    appId,
    privateKey,
    baseUrl: apiUrl,
    // NB: we verify webhooks ourselves. Left out, Probot would take one that everybody knows.
    secret: randomBytes(32).toString("hex"),
    log: quiet,
    Octokit: careful.Octokit,
    request: { fetch: fetchWithin(callMs), log: quiet },
  });

  const client: Client = {
    probot,
    appId,
    log,
    as: async (installation) => (await probot.auth(installation)).rest,
    learn(repo, installation) {
      const key = repo.toLowerCase();
      // NB: an open job bears the id of the time when it was seen, and would bring a former installation back again and again.
      if (installation <= 0 || installations.has(key) || outdated.has(`${key} ${installation}`)) return;
      installations.set(key, installation);
    },
    answeredAt: careful.answeredAt,
    standing: () =>
      careful.standing().map((standing) => ({ ...standing, repositories: reposOf(standing.installation) })),
    async inRepo(repo, signal, act) {
      const at = { ...split(repo), request: { signal } };
      const key = repo.toLowerCase();
      const installation = installations.get(key) ?? (await lookUp(client, at));
      installations.set(key, installation);
      try {
        return await act({ rest: await client.as(installation), at, installation });
      } catch (error) {
        // NB: an App that was installed anew has another id, and the old one's rights are gone.
        if (error instanceof NoToken || error instanceof Refused) {
          outdated.add(`${key} ${installation}`);
          if (installations.get(key) === installation) installations.delete(key);
        }
        throw error;
      }
    },
  };
  return client;

  function reposOf(installation: number): RepoName[] {
    return Array.from(installations).flatMap(([repo, id]) => (id === installation ? [repo] : []));
  }
}

/** Makes one call and reads its answer. Throws as octokit.ts does, and `Unanswered` for an answer that is not understood. */
export async function ask<T, E = never>({ send, shape, expect = {} }: Call<T, E>): Promise<T | E> {
  try {
    const { data } = await send();
    return shape.parse(data);
  } catch (error) {
    if (error instanceof z.ZodError)
      throw new Unanswered("the answer has another form than it should", error);
    const expected = error instanceof Refused ? expect[error.status] : undefined;
    if (expected === undefined) throw error;
    return expected;
  }
}

/** Asks page after page until one is not full. */
export async function allPages<T>(
  page: (which: { page: number; per_page: number }) => Promise<readonly T[]>,
): Promise<T[]> {
  const all: T[] = [];
  for (let number = 1; ; number += 1) {
    const items = await page({ page: number, per_page: PER_PAGE });
    all.push(...items);
    if (items.length < PER_PAGE) return all;
  }
}

async function lookUp(client: Client, at: InRepo["at"]): Promise<number> {
  const rest = await client.as();
  const { id } = await ask({
    send: () => rest.apps.getRepoInstallation(at),
    shape: z.object({ id: z.int() }),
  });
  return id;
}

/** `owner/name` as the parameters of a call. */
export function split(name: RepoName): { owner: string; repo: string } {
  const [owner = "", repo = ""] = name.split("/");
  return { owner, repo };
}

function refuseBadKey(privateKey: string): void {
  try {
    createPrivateKey(privateKey);
  } catch (cause) {
    throw new SetupError(
      "The App's private key cannot be read. Give the .pem file as GitHub's settings page of the App made it.",
      { cause },
    );
  }
}

/**
 * Bounds every call, the fetching of tokens included.
 * NB: the body is read here, since Octokit takes an answer that breaks off for an empty one.
 */
function fetchWithin(limitMs: number): typeof fetch {
  return async (input, init) => {
    const limit = AbortSignal.timeout(limitMs);
    const signal = init?.signal ? AbortSignal.any([init.signal, limit]) : limit;
    const answer = await fetch(input, { ...init, signal });
    const body = await answer.arrayBuffer();
    return new Response(body.byteLength > 0 ? body : null, answer);
  };
}

/** NB: Probot logs whole webhooks and hangs them on the errors it logs, so it gets a logger that drops both. */
function discreet(log: Logger): Logger {
  const level = log.isLevelEnabled("warn") ? "warn" : log.level;
  return log.child(
    {},
    { level, serializers: { err: (error: Error) => ({ type: error.name, message: error.message }) } },
  );
}
