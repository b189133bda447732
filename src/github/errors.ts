import { GitHubUnavailable } from "../ports.ts";

/** What Octokit throws: `status` is 500 and `response` missing if there was no answer at all. */
export type HttpFailure = Error & {
  status: number;
  response?: { headers: Record<string, unknown> } | undefined;
};

/**
 * GitHub did not answer, or answered that something broke on its side. NB: what was asked for may have happened all the same,
 * so a call that makes something must be followed by a look for it, never by the same call.
 */
export class Unanswered extends GitHubUnavailable {
  constructor(route: string, cause: Error) {
    super(`github did not answer: ${details(route, cause)}`, { cause });
  }
}

/** GitHub answered that it will not do it, and did nothing: a right is missing, the thing is not there, the request is wrong. */
export class Refused extends GitHubUnavailable {
  readonly status: number;
  constructor(route: string, cause: HttpFailure) {
    super(`github refused the call: ${details(route, cause)}`, { cause });
    this.status = cause.status;
  }
}

/** GitHub gives us no token for an installation: the App was removed or suspended there, or its key is not valid any more. */
export class NoToken extends GitHubUnavailable {
  constructor(route: string, cause: HttpFailure) {
    super(`github gave no token for the installation: ${details(route, cause)}`, { cause });
  }
}

/** GitHub has set a limit, and says until when. */
export class Limited extends GitHubUnavailable {
  constructor(route: string, cause: HttpFailure, retryAt: number) {
    super(`github has limited us: ${details(route, cause)}`, { cause, retryAt });
  }
}

/** Not sent: it would have gone over a limit, or GitHub has told us to wait. */
export class Spent extends GitHubUnavailable {
  constructor(retryAt: number) {
    super("the budget of calls to github is spent", { retryAt });
  }
}

/** True for failures of Octokit's own, with or without an answer. */
export function isHttpFailure(error: unknown): error is HttpFailure {
  return (
    error instanceof Error &&
    "status" in error &&
    typeof error.status === "number" &&
    !(error instanceof GitHubUnavailable)
  );
}

/** One header of the answer; `undefined` if there is none. */
export function headerOf(failure: Error, name: string): string | undefined {
  if (!isHttpFailure(failure)) return undefined;
  const value = failure.response?.headers[name];
  return value === undefined ? undefined : String(value);
}

/** NB: the route, never the address: it names what was asked for without saying about what. The id is what GitHub's support asks for. */
function details(route: string, failure: Error): string {
  const status = isHttpFailure(failure) && failure.response ? `, status ${failure.status}` : "";
  const id = headerOf(failure, "x-github-request-id");
  return `${route}${status}${id === undefined ? "" : `, request ${id}`}`;
}
