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
  readonly requestId: string | undefined;
  constructor(cause: Error) {
    super("github did not answer", { cause });
    this.requestId = requestIdOf(cause);
  }
}

/** GitHub answered that it will not do it, and did nothing: a right is missing, the thing is not there, the request is wrong. */
export class Refused extends GitHubUnavailable {
  readonly route: string;
  readonly status: number;
  readonly requestId: string | undefined;
  constructor(route: string, cause: HttpFailure) {
    super("github refused the call", { cause });
    this.route = route;
    this.status = cause.status;
    this.requestId = requestIdOf(cause);
  }
}

/** GitHub gives us no token for an installation: the App was removed or suspended there, or its key is not valid any more. */
export class NoToken extends GitHubUnavailable {
  readonly status: number;
  readonly requestId: string | undefined;
  constructor(cause: HttpFailure) {
    super("github gave no token for the installation", { cause });
    this.status = cause.status;
    this.requestId = requestIdOf(cause);
  }
}

/** True for failures of Octokit's own, with or without an answer. */
export function isHttpFailure(error: unknown): error is HttpFailure {
  return error instanceof Error && "status" in error && !(error instanceof GitHubUnavailable);
}

/** One header of the answer; `undefined` if there is none. */
export function headerOf(failure: Error, name: string): string | undefined {
  if (!isHttpFailure(failure)) return undefined;
  const value = failure.response?.headers[name];
  return value === undefined ? undefined : String(value);
}

/** The id that GitHub's support asks for. */
function requestIdOf(failure: Error): string | undefined {
  return headerOf(failure, "x-github-request-id");
}
