import { createHmac } from "node:crypto";
import type { Context } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import type { CookieOptions } from "hono/utils/cookie";
import { z } from "zod";
import type { RepoName } from "../core/types.ts";
import type { Clock, Person } from "../ports.ts";

/** Somebody who has signed in. `sees`: had they a right in the repository when they signed in? */
export type Session = { login: string; until: number; sees: (repo: RepoName) => boolean };

/** A sign-in that is under way in one browser. */
export type Begun = { state: string; verifier: string; to: string; until: number };

export type Sessions = {
  begin(c: Context, person: Person): Promise<void>;
  read(c: Context): Promise<Session | undefined>;
  end(c: Context): void;
  /** What a browser needs to come back with, for one sign-in. */
  beginSignIn(c: Context, begun: Begun): Promise<void>;
  /** Answers it once: the browser has forgotten it then. */
  takeSignIn(c: Context): Promise<Begun | undefined>;
};

export type SessionParts = { key: string; isSecure: boolean; clock: Clock };

const SESSION = "mayfly";
const SIGN_IN = "mayfly-sign-in";
const SESSION_MS = 8 * 3_600_000;
/** GitHub's code is good for as long. See: docs.github.com, "Generating a user access token for a GitHub App". */
export const SIGN_IN_MS = 10 * 60_000;
/** A mark for each repository that a person sees. NB: a cookie may have 4 KB, and names of repositories are long. */
const MARK = 8;
const MOST_MARKS = 300;

const sessionShape = z.object({ login: z.string(), until: z.number(), marks: z.string() });
const begunShape = z.object({ state: z.string(), verifier: z.string(), to: z.string(), until: z.number() });

/**
 * Who has signed in is kept in their own browser, in a cookie that only we can have signed: a restart signs nobody out, and nothing has
 * to be forgotten. Each kind of cookie has a key of its own, so that one cannot stand in for the other.
 */
export function sessions({ key, isSecure, clock }: SessionParts): Sessions {
  const keyOf = (name: string) => createHmac("sha256", key).update(name).digest("base64url");
  const prefix = isSecure ? "host" : undefined;
  const options = (ms: number): CookieOptions => ({
    httpOnly: true,
    sameSite: "Lax",
    secure: isSecure,
    maxAge: ms / 1000,
    ...(prefix && { prefix }),
  });
  const markOf = (repo: RepoName) =>
    createHmac("sha256", key).update(`sees ${repo.toLowerCase()}`).digest("base64url").slice(0, MARK);

  const write = (c: Context, name: string, value: unknown, ms: number) =>
    setSignedCookie(c, name, JSON.stringify(value), keyOf(name), options(ms));

  async function read<T extends { until: number }>(
    c: Context,
    name: string,
    shape: z.ZodType<T>,
  ): Promise<T | undefined> {
    const text = await getSignedCookie(c, keyOf(name), name, prefix);
    if (!text) return undefined;
    const { data } = shape.safeParse(JSON.parse(text));
    return data;
  }

  return {
    begin(c, { login, repositories }) {
      const marks = repositories.slice(0, MOST_MARKS).map(markOf).join("");
      return write(c, SESSION, { login, until: clock.now() + SESSION_MS, marks }, SESSION_MS);
    },
    async read(c) {
      const session = await read(c, SESSION, sessionShape);
      if (!session || session.until <= clock.now()) return undefined;
      const marks = new Set(session.marks.match(/.{8}/g));
      return { login: session.login, until: session.until, sees: (repo) => marks.has(markOf(repo)) };
    },
    end: (c) => void deleteCookie(c, SESSION, options(0)),
    beginSignIn: (c, begun) => write(c, SIGN_IN, begun, SIGN_IN_MS),
    async takeSignIn(c) {
      const begun = await read(c, SIGN_IN, begunShape);
      deleteCookie(c, SIGN_IN, options(0));
      return begun;
    },
  };
}
