import { createHash } from "node:crypto";
import { found } from "./controls.ts";
import type { Repo } from "./model.ts";
import { changed, newSecret, type World } from "./world.ts";

/**
 * Signing in to the App with an account of GitHub: the web application flow.
 * See: docs.github.com, "Generating a user access token for a GitHub App", and "Troubleshooting OAuth App access token request errors".
 */

/** What a browser is sent to GitHub with. */
export type SignInOrder = {
  clientId: string;
  redirectUri: string;
  state: string;
  challenge: string;
  method: string;
};

/** A code that was given to a browser, and has not been redeemed. */
export type SignInCode = { login: string; redirectUri: string; challenge: string; expiresAt: number };

export type UserToken = { login: string; expiresAt: number };

/** The callback that GitHub knows, or what is wrong with the order. NB: an address that the App did not register is never led to. */
export function checkOrder(world: World, order: SignInOrder): "fits" | "unknown client" | "other callback" {
  if (order.clientId !== world.app.clientId) return "unknown client";
  if (!world.app.callbacks.includes(order.redirectUri)) return "other callback";
  return "fits";
}

/** The person agrees: answers where the browser goes. A challenge that is not S256 is as good as none. */
export function authorize(world: World, order: SignInOrder, login: string): string {
  const code = newSecret("");
  world.signInCodes.set(code, {
    login,
    redirectUri: order.redirectUri,
    challenge: order.method === "S256" ? order.challenge : "",
    expiresAt: Date.now() + world.times.signInCodeMs,
  });
  changed(world);
  return callback(order, { code });
}

/** The person does not agree. See: "Troubleshooting OAuth App authorization request errors". */
export const deny = (order: SignInOrder): string =>
  callback(order, {
    error: "access_denied",
    error_description: "The user has denied your application access.",
  });

function callback({ redirectUri, state }: SignInOrder, answer: Record<string, string>): string {
  const url = new URL(redirectUri);
  for (const [key, value] of Object.entries({ ...answer, state })) url.searchParams.set(key, value);
  return url.href;
}

type Redemption = Readonly<Record<string, unknown>>;

/**
 * Makes a token of a code, once. NB: GitHub answers 200 also when it refuses. That a wrong verifier is told as a wrong code is a guess.
 */
export function redeem(world: World, sent: Redemption): Record<string, string | number> {
  if (sent.client_id !== world.app.clientId || sent.client_secret !== world.app.clientSecret)
    return refused("incorrect_client_credentials");
  const code = world.signInCodes.get(String(sent.code));
  world.signInCodes.delete(String(sent.code));
  if (!code || code.expiresAt <= Date.now()) return refused("bad_verification_code");
  if (sent.redirect_uri !== undefined && sent.redirect_uri !== code.redirectUri)
    return refused("redirect_uri_mismatch");
  const challenge = createHash("sha256").update(String(sent.code_verifier)).digest("base64url");
  if (code.challenge !== "" && challenge !== code.challenge) return refused("bad_verification_code");
  return tokenFor(world, code.login);
}

const refused = (error: string) => ({
  error,
  error_description: "The code, the address or the credentials are not right.",
  error_uri: "https://docs.github.com/apps",
});

const SECONDS = 1000;
const REFRESH_SECONDS = 15_897_600;

function tokenFor(world: World, login: string) {
  const token = newSecret("ghu_");
  world.userTokens.set(token, { login, expiresAt: Date.now() + world.times.userTokenMs });
  changed(world);
  return {
    access_token: token,
    expires_in: world.times.userTokenMs / SECONDS,
    refresh_token: newSecret("ghr_"),
    refresh_token_expires_in: REFRESH_SECONDS,
    scope: "",
    token_type: "bearer",
  };
}

/** Everybody who can sign in: whoever has a right in a repository, or is in a team. */
export const loginsOf = (world: World): string[] => [
  ...new Set([
    ...[...world.repos.values()].flatMap(({ collaborators }) => [...collaborators.keys()]),
    ...[...world.teams.values()].flatMap((members) => [...members]),
    ...world.strangers,
  ]),
];

/** Repositories of an installation in which the person was given a right. NB: that a repository is public is none. */
export const reposFor = (world: World, installation: number, login: string): Repo[] =>
  [...found(world.installations, installation).repos].filter(({ collaborators }) => collaborators.has(login));
