import type { Logger } from "pino";
import { z } from "zod";
import type { RepoName } from "../core/types.ts";
import { GitHubUnavailable, type Person, type SignIn } from "../ports.ts";
import { allPages } from "./client.ts";

export type SignInOptions = {
  log: Logger;
  clientId: string;
  clientSecret: string;
  /** Base addresses, without a slash at the end. */
  webUrl: string;
  apiUrl: string;
};

const HEADERS = { accept: "application/json", "user-agent": "Mayfly" };
/** Nobody is to wait long for it. */
const REVOKE_MS = 5_000;

/** GitHub's word for a code that is none, is too old, was redeemed before, or belongs to another browser. */
const BAD_CODE = "bad_verification_code";

const tokenAnswer = z.union([
  z.object({ access_token: z.string() }),
  z.object({ error: z.string(), error_description: z.string().optional() }),
]);
const user = z.object({ login: z.string() });
const installationPage = z
  .object({ installations: z.array(z.object({ id: z.int() })) })
  .transform(({ installations }) => installations);
const repositoryPage = z
  .object({ repositories: z.array(z.object({ full_name: z.string() })) })
  .transform(({ repositories }) => repositories.map(({ full_name }) => full_name));

/**
 * The web application flow. NB: these calls are made with the person's own token, and count against the person's own limits, so they are
 * not in the table of routes. See: docs.github.com, "Generating a user access token for a GitHub App".
 */
export function githubSignIn(options: SignInOptions): SignIn {
  const { clientId, clientSecret, webUrl } = options;
  return {
    address({ state, challenge, callback }) {
      const url = new URL(`${webUrl}/login/oauth/authorize`);
      const parameters = { client_id: clientId, redirect_uri: callback, state };
      const pkce = { code_challenge: challenge, code_challenge_method: "S256" };
      for (const [key, value] of Object.entries({ ...parameters, ...pkce })) url.searchParams.set(key, value);
      return url.href;
    },

    async person({ code, verifier, callback }, signal) {
      const body = { client_id: clientId, client_secret: clientSecret, code };
      const url = `${webUrl}/login/oauth/access_token`;
      const order = { ...body, redirect_uri: callback, code_verifier: verifier };
      const answer = await call(url, tokenAnswer, { signal, order });
      if ("access_token" in answer) return await lookAroundOnce(answer.access_token, options, signal);
      if (answer.error === BAD_CODE) return "refused";
      throw new GitHubUnavailable(`github refuses to sign people in: ${answer.error}`);
    },
  };
}

/** NB: the token is good for hours, and needed for a second: nobody is to find one that is in force. */
async function lookAroundOnce(token: string, options: SignInOptions, signal: AbortSignal): Promise<Person> {
  try {
    return await lookAround(options.apiUrl, token, signal);
  } finally {
    await revoke(token, options);
  }
}

/** A token that could not be revoked ends by itself, so this hinders nobody. See: docs.github.com, REST, "Delete an app token". */
async function revoke(token: string, { clientId, clientSecret, apiUrl, log }: SignInOptions): Promise<void> {
  const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
  try {
    const { status } = await fetch(`${apiUrl}/applications/${clientId}/token`, {
      method: "DELETE",
      signal: AbortSignal.timeout(REVOKE_MS),
      headers: { ...HEADERS, authorization: `Basic ${credentials}`, "content-type": "application/json" },
      body: JSON.stringify({ access_token: token }),
    });
    if (status !== 204) throw new Error(`GitHub answered ${status}`);
  } catch (err) {
    log.warn({ err }, "the token of somebody who signed in could not be revoked; it ends by itself");
  }
}

/** Who it is, and the repositories with the App in which they were given a right. */
async function lookAround(apiUrl: string, token: string, signal: AbortSignal): Promise<Person> {
  const get = <T>(path: string, shape: z.ZodType<T>) => call(`${apiUrl}${path}`, shape, { signal, token });
  const listed = <T>(path: string, shape: z.ZodType<readonly T[]>) =>
    allPages(({ page, per_page }) => get(`${path}?page=${page}&per_page=${per_page}`, shape));
  const { login } = await get("/user", user);
  const repositories: RepoName[] = [];
  for (const { id } of await listed("/user/installations", installationPage)) {
    repositories.push(...(await listed(`/user/installations/${id}/repositories`, repositoryPage)));
  }
  return { login, repositories };
}

type CallParts = { signal: AbortSignal; token?: string; order?: Record<string, string> };

/** Throws `GitHubUnavailable`, which never holds what was sent. */
async function call<T>(url: string, shape: z.ZodType<T>, { signal, token, order }: CallParts): Promise<T> {
  try {
    const response = await fetch(url, {
      signal,
      headers: {
        ...HEADERS,
        ...(token && { authorization: `Bearer ${token}` }),
        ...(order && { "content-type": "application/json" }),
      },
      ...(order && { method: "POST", body: JSON.stringify(order) }),
    });
    if (!response.ok) throw new Error(`GitHub answered ${response.status}`);
    return shape.parse(await response.json());
  } catch (error) {
    throw new GitHubUnavailable("github did not answer somebody's sign-in", { cause: error });
  }
}
