import { ProbotOctokit } from "probot";
import type { Clock } from "../ports.ts";
import { type Budget, newBudget } from "./budget.ts";
import { type HttpFailure, isHttpFailure, Limited, NoToken, Refused, Unanswered } from "./errors.ts";
import { newMemory } from "./etags.ts";
import { type Line, newLine } from "./line.ts";
import { ROUTES, TOKEN_ROUTE } from "./routes.ts";

/**
 * Between two writes of one installation. GitHub asks for a second, which a hundred jobs at once cannot wait for; others run well with 50 ms.
 * See: docs.github.com, "Best practices for using the REST API"; taskcluster pull 7732.
 */
const WRITE_GAP_MS = 75;
/** Waits before a read that failed is sent again. Writes never are. */
const READ_AGAIN_MS = [250, 1_000];

type Options = Parameters<typeof ProbotOctokit.defaults>[0];
type Lane = { budget: Budget; line: Line };
type Sending = { route: string; again: readonly number[]; lane: Lane; signal?: AbortSignal | undefined };

const NEVER = new AbortController().signal;

/**
 * Probot's Octokit class, with our rules in place of its throttling and retry plugins. Each call has to be in the table of routes; it is
 * counted against its installation's budget; writes go one by one, the urgent first; reads are sent again when GitHub failed;
 * a write is never sent again, since nobody knows whether the first one was done.
 * What calls throw is a `GitHubUnavailable` (see errors.ts), or the reason of the caller's own abort.
 */
export function carefulOctokit(clock: Clock): typeof ProbotOctokit {
  const lanes = new Map<string, Lane>();
  const memory = newMemory();

  return ProbotOctokit.plugin((octokit, options) => {
    octokit.hook.wrap("request", async (send, request) => {
      const route = `${request.method} ${request.url}`;
      const rules = ROUTES[route];
      if (!rules) throw new Error(`this call is not in the table of routes: ${route}`);
      const who = rules.needs === "app" ? "app" : String(options.auth?.installationId);
      const lane = laneOf(who);
      const isRead = request.method === "GET";

      if (!isRead && rules.needs !== "app") await lane.line(rules.urgency);
      request.request.signal?.throwIfAborted();
      lane.budget.spend(rules.urgency, isRead ? 1 : 5);
      const again = isRead ? READ_AGAIN_MS : [];
      const sendOnce = () => {
        if (!rules.conditional) return send(request);
        const { url } = octokit.request.endpoint.parse(request);
        return memory.ask(`${who} ${url}`, async (mark) => {
          const { "if-none-match": _, ...headers } = request.headers;
          // NB: what is given to `send` goes past the hooks of others, such as the one that adds the token; they all share this object.
          request.headers = { ...headers, ...mark };
          return send(request);
        });
      };
      const answer = await sendCarefully(sendOnce, {
        route,
        again,
        lane,
        signal: request.request.signal,
      });
      lane.budget.learn(answer.headers);
      return answer;
    });
    return {};
    // NB: Probot lays its own throttle over an object of defaults; only a function comes after it.
  }).defaults((defaults: Options) => ({
    ...defaults,
    throttle: { enabled: false },
    retry: { enabled: false },
  }));

  function laneOf(id: string): Lane {
    const lane = lanes.get(id) ?? { budget: newBudget(clock), line: newLine(clock, WRITE_GAP_MS) };
    lanes.set(id, lane);
    return lane;
  }

  async function sendCarefully<T>(send: () => T | Promise<T>, sending: Sending): Promise<T> {
    const { route, again, lane, signal = NEVER } = sending;
    try {
      return await send();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isHttpFailure(error)) throw error;
      const retryAt = lane.budget.limitedUntil(error);
      if (retryAt !== undefined) throw new Limited(route, error, retryAt);
      // NB: a 404 for the token must not be taken for a 404 for what the token was wanted for.
      if (error.status < 500)
        throw route === TOKEN_ROUTE ? new NoToken(route, error) : new Refused(route, error);
      const [waitMs, ...rest] = again;
      if (waitMs === undefined || isTimeOut(error)) throw new Unanswered(route, error);
      await clock.until(clock.now() + waitMs, signal);
      return sendCarefully(send, { ...sending, again: rest });
    }
  }
}

/** A call that ran into its time limit has cost enough time; the next pass asks again. */
function isTimeOut(failure: HttpFailure): boolean {
  return failure.cause instanceof Error && failure.cause.name === "TimeoutError";
}
