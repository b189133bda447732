import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { CookieOptions } from "hono/utils/cookie";
import type { Clock } from "../../ports.ts";
import { isSame } from "../same.ts";

export type AccessParts = {
  publicUrl: string | undefined;
  /** There is a token: the first one, or a new one since the session is over. */
  onToken: (token: string) => void;
  clock: Clock;
};

/** Who may see the wizard: one browser, which was given the token. */
export type Access = {
  /** Exchanges the token for a cookie, once. `used`: it was right, and was exchanged before. */
  enter(c: Context, token: string): "in" | "used" | "wrong";
  /** Until when this browser is in; undefined: it is not. */
  until(c: Context): number | undefined;
};

const COOKIE = "mayfly-setup";
const SESSION_MS = 2 * 3_600_000;

/**
 * A token that is only in this process's memory, and in the log. The first browser that brings it gets a cookie instead; from then on the
 * address in the log opens nothing. When that cookie's time is over there is a new token.
 */
export function setupAccess({ publicUrl, onToken, clock }: AccessParts): Access {
  let token = "";
  let isUsed = false;
  let session: { value: string; until: number } | undefined;
  renew();

  function renew(): void {
    token = newSecret();
    isUsed = false;
    session = undefined;
    onToken(token);
  }

  function renewIfOver(): void {
    if (session !== undefined && session.until <= clock.now()) renew();
  }

  return {
    enter(c, given) {
      renewIfOver();
      if (!isSame(given, token)) return "wrong";
      if (isUsed) return "used";
      isUsed = true;
      session = { value: newSecret(), until: clock.now() + SESSION_MS };
      const { isSecure, prefix } = cookieKind(c, publicUrl);
      const options: CookieOptions = { httpOnly: true, sameSite: "Lax", secure: isSecure };
      setCookie(c, COOKIE, session.value, { ...options, ...prefix, maxAge: SESSION_MS / 1000 });
      return "in";
    },
    until(c) {
      renewIfOver();
      const value = getCookie(c, COOKIE) ?? getCookie(c, COOKIE, "host") ?? "";
      return session !== undefined && isSame(value, session.value) ? session.until : undefined;
    },
  };
}

const newSecret = (): string => randomBytes(32).toString("base64url");

/** NB: a browser on this machine comes over http, also where web.url is https. */
function cookieKind(c: Context, publicUrl: string | undefined) {
  const isSecure = addressOf(c, publicUrl).startsWith("https:");
  return { isSecure, prefix: isSecure ? ({ prefix: "host" } as const) : {} };
}

/** The address that the browser uses. NB: what is in front of us may have put its own name for the host. */
export function addressOf(c: Context, publicUrl: string | undefined): string {
  const { host } = new URL(c.req.url);
  return publicUrl !== undefined && new URL(publicUrl).host === host ? publicUrl : `http://${host}`;
}

/** May a form come from there? */
export const isOurs = (origin: string, c: Context, publicUrl: string | undefined): boolean =>
  origin === publicUrl || origin === addressOf(c, publicUrl);
