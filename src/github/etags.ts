import { isHttpFailure } from "./errors.ts";
import { jsonOf } from "./json.ts";

/** What is remembered at most: answers, and bytes of them. A page of a hundred runs has about a MiB. */
const MOST_ANSWERS = 1000;
const MOST_BYTES = 32 * 1024 * 1024;

export type Answer = { status: number; url: string; headers: Headers; data: unknown };
type Headers = { [name: string]: string | number | undefined };

/** The last answers to reads, with GitHub's mark of each. */
export type Memory = {
  /**
   * Sends a read, with the mark of the answer that is remembered. If GitHub says that this one still holds (304), it is given again.
   * `key`: whose read of what.
   */
  ask(key: string, send: (headers: Record<string, string>) => Promise<Answer>): Promise<Answer>;
};

type Remembered = { etag: string; json: Buffer };

/**
 * Spares the hour's budget: a 304 does not count against it, if the call was authorized.
 * NB: the mark differs from token to token, so that one full answer comes after each hour, when an installation gets a new token.
 * See: docs.github.com, "Best practices for using the REST API", "Use conditional requests if appropriate".
 */
export function newMemory(limits: { answers?: number; bytes?: number } = {}): Memory {
  const { answers = MOST_ANSWERS, bytes = MOST_BYTES } = limits;
  /** The one that was used last is at the end. */
  const remembered = new Map<string, Remembered>();
  let size = 0;

  function forget(key: string): void {
    size -= remembered.get(key)?.json.length ?? 0;
    remembered.delete(key);
  }

  function keep(key: string, one: Remembered): void {
    forget(key);
    remembered.set(key, one);
    size += one.json.length;
    for (const oldest of remembered.keys()) {
      if (remembered.size <= answers && size <= bytes) return;
      forget(oldest);
    }
  }

  return {
    async ask(key, send) {
      const known = remembered.get(key);
      try {
        const answer = await send(known ? { "if-none-match": known.etag } : {});
        const { etag } = answer.headers;
        if (typeof etag === "string") keep(key, { etag, json: Buffer.from(jsonOf(answer.data)) });
        else forget(key);
        return answer;
      } catch (error) {
        // NB: Octokit throws a 304, too.
        if (!known || !isHttpFailure(error) || error.status !== 304) throw error;
        keep(key, known);
        const headers = (error.response?.headers ?? {}) as Headers;
        return { status: 200, url: key, headers, data: JSON.parse(known.json.toString()) };
      }
    },
  };
}
