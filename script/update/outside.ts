import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { Refused } from "./locks.ts";

/** What is asked of the outside. */
export type Outside = {
  text: (url: string) => Promise<string>;
  /** Of GitHub's API. */
  json: <Answer>(path: string) => Promise<Answer>;
  /** Where an address leads to. */
  location: (url: string) => Promise<string>;
  /** Downloads it, and keeps nothing of it but its digest. */
  sha256: (url: string) => Promise<string>;
};

const ANSWER_MS = 60_000;
const DOWNLOAD_MS = 60 * 60_000;
const API = "https://api.github.com";

/**
 * `through`: an address that everything is fetched from, with the real host as the first part of the path; for tests and mirrors.
 * `token`: of GitHub, for more calls per hour; it is sent to nobody else.
 */
export function openOutside({ through, token }: { through?: string; token?: string }): Outside {
  const get = async (url: string, options: RequestInit = {}): Promise<Response> => {
    const address = through === undefined ? url : url.replace("https://", `${through}/`);
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(address, { signal, ...options }).catch((cause: unknown) => {
      throw new Error(`${address} cannot be reached`, { cause });
    });
    if (answer.status >= 400) throw new Error(`${address} answers ${answer.status}`);
    return answer;
  };
  const authorization =
    token === undefined || through !== undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { accept: "application/vnd.github+json", ...authorization };

  return {
    text: async (url) => (await get(url)).text(),
    json: async <Answer>(path: string) => (await get(`${API}${path}`, { headers })).json() as Answer,
    location: async (url) => locationOf(url, await get(url, { method: "HEAD", redirect: "manual" })),
    sha256: async (url) => digestOf(await get(url, { signal: AbortSignal.timeout(DOWNLOAD_MS) })),
  };
}

function locationOf(url: string, { headers }: Response): string {
  const location = headers.get("location");
  if (location === null) throw new Refused(`${url} leads nowhere any more`);
  return new URL(location, url).href;
}

async function digestOf({ body, url }: Response): Promise<string> {
  if (body === null) throw new Error(`${url} is empty`);
  const hash = createHash("sha256");
  await pipeline(body, hash);
  return hash.digest("hex");
}
