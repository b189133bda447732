import { z } from "zod";
import type { RepoName } from "../core/types.ts";
import { GitHubUnavailable, type Person, type SignIn } from "../ports.ts";
import { allPages } from "./client.ts";

export type SignInOptions = {
  clientId: string;
  clientSecret: string;
  /** Base addresses, without a slash at the end. */
  webUrl: string;
  apiUrl: string;
};

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
export function githubSignIn({ clientId, clientSecret, webUrl, apiUrl }: SignInOptions): SignIn {
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
      if ("access_token" in answer) return await lookAround(apiUrl, answer.access_token, signal);
      if (answer.error === BAD_CODE) return "refused";
      throw new GitHubUnavailable(`github refuses to sign people in: ${answer.error}`);
    },
  };
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
        accept: "application/json",
        "user-agent": "Mayfly",
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
