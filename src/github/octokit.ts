import { ProbotOctokit } from "probot";
import { z } from "zod";
import type { Clock, Standing } from "../ports.ts";
import { type Budget, newBudget, type Spending } from "./budget.ts";
import { type HttpFailure, isHttpFailure, Limited, NoToken, Refused, Unanswered } from "./errors.ts";
import { newMemory } from "./etags.ts";
import { type Line, newLine } from "./line.ts";
import { ROUTES, TOKEN_ROUTE, type Urgency } from "./routes.ts";

/**
 * Between two writes of one installation. GitHub asks for a second, which a hundred jobs at once cannot wait for; others run well with 50 ms.
 * See: docs.github.com, "Best practices for using the REST API"; taskcluster pull 7732.
 */
const WRITE_GAP_MS = 75;
/** Waits before a read that failed is sent again. Writes never are. */
const READ_AGAIN_MS = [250, 1_000];

/** What GitHub's limits need of the outside. */
export type LimitParts = {
  clock: Clock;
  /** By installation: GitHub refuses all its calls until then, as was known before the process began. */
  limitedUntil?: ReadonlyMap<number, number> | undefined;
  /** GitHub refuses all calls of the installation until then. */
  onLimited?: ((installation: number, until: number) => void) | undefined;
};

export type Careful = {
  Octokit: typeof ProbotOctokit;
  /** Of each installation that a call was made for, or that was limited from the start. */
  standing(): Omit<Standing, "repositories">[];
  /** When GitHub last did as it was asked; undefined: not yet. */
  answeredAt(): number | undefined;
};

/** The rest of an answer is for who asked. */
const checkRun = z.object({ id: z.int(), status: z.string() });

type Options = Parameters<typeof ProbotOctokit.defaults>[0];
type Request = { method: string; url: string; request: { signal?: AbortSignal; urgency?: Urgency } };
type Lane = { budget: Budget; line: Line };
type Lanes = { of: (installation: unknown) => Lane; standing: Careful["standing"] };
/** What is about to be sent. */
type Sending = Spending & {
  route: string;
  isWrite: boolean;
  isConditional: boolean;
  lane: Lane;
  signal: AbortSignal;
};

const NEVER = new AbortController().signal;
/** The lane of the App itself. */
const APP = "app";

/**
 * Probot's Octokit class, with our rules in place of its throttling and retry plugins. Each call has to be in the table of routes; it is
 * counted against its installation's budget; writes go one by one, the urgent first; reads are sent again when GitHub failed;
 * a write is never sent again, since nobody knows whether the first one was done.
 * What calls throw is a `GitHubUnavailable` (see errors.ts), or the reason of the caller's own abort.
 */
export function carefulOctokit(parts: LimitParts): Careful {
  const lanes = newLanes(parts);
  const memory = newMemory();
  let answeredAt: number | undefined;
  const Octokit = ProbotOctokit.plugin((octokit, options) => {
    octokit.hook.wrap("request", async (send, request) => {
      const sending = sendingOf(request, lanes, options.auth?.installationId);
      const { lane, signal, isWrite } = sending;
      lane.budget.check(sending);
      const leave = await lane.line(sending);
      try {
        signal.throwIfAborted();
        const again = isWrite ? [] : READ_AGAIN_MS;
        const sendOnce = () => {
          if (!sending.isConditional) return send(request);
          const { url } = octokit.request.endpoint.parse(request);
          return memory.ask(`${options.auth?.installationId ?? APP} ${url}`, async (mark) => {
            const { "if-none-match": _, ...headers } = request.headers;
            // NB: what is given to `send` goes past the hooks of others, such as the one that adds the token; they all share this object.
            request.headers = { ...headers, ...mark };
            return send(request);
          });
        };
        const answer = await sendCarefully(sendOnce, sending, again, parts.clock);
        answeredAt = parts.clock.now();
        lane.budget.learn(answer.headers);
        const { data: shown } = checkRun.safeParse(answer.data);
        if (sending.isContent && shown) lane.budget.learnCheckRun(shown);
        return answer;
      } finally {
        leave();
      }
    });
    return {};
    // NB: Probot lays its own throttle over an object of defaults; only a function comes after it.
  }).defaults((defaults: Options) => ({
    ...defaults,
    throttle: { enabled: false },
    retry: { enabled: false },
  }));
  return { Octokit, standing: lanes.standing, answeredAt: () => answeredAt };
}

function newLanes({ clock, limitedUntil = new Map(), onLimited }: LimitParts): Lanes {
  const lanes = new Map<unknown, Lane>();
  const laneOf = (installation: unknown): Lane => {
    const lane = lanes.get(installation) ?? newLane(Number(installation));
    lanes.set(installation, lane);
    return lane;
  };
  const newLane = (installation: number): Lane => {
    const isApp = Number.isNaN(installation);
    const pausedUntil = limitedUntil.get(installation);
    const onPause = isApp ? undefined : (until: number) => onLimited?.(installation, until);
    const budget = newBudget({ clock, pausedUntil, onPause, random: Math.random });
    return { budget, line: newLine(clock, WRITE_GAP_MS) };
  };
  for (const installation of limitedUntil.keys()) laneOf(installation);
  return {
    of: laneOf,
    standing: () =>
      Array.from(lanes).flatMap(([installation, { budget }]) =>
        typeof installation === "number" ? [{ installation, ...budget.standing() }] : [],
      ),
  };
}

function sendingOf({ method, url, request }: Request, lanes: Lanes, installation: unknown): Sending {
  const route = `${method} ${url}`;
  const rules = ROUTES[route];
  if (!rules) throw new Error(`this call is not in the table of routes: ${route}`);
  const isRead = method === "GET";
  return {
    route,
    lane: lanes.of(rules.needs === "app" ? APP : Number(installation)),
    isWrite: !isRead && rules.needs !== "app",
    urgency: request.urgency ?? rules.urgency,
    bucket: rules.bucket ?? "core",
    points: isRead ? 1 : 5,
    isContent: rules.isContent ?? false,
    isConditional: rules.isConditional ?? false,
    signal: request.signal ?? NEVER,
  };
}

async function sendCarefully<T>(
  send: () => T | Promise<T>,
  sending: Sending,
  again: readonly number[],
  clock: Clock,
): Promise<T> {
  const { route, lane, bucket, signal } = sending;
  const ended = lane.budget.begin(sending);
  try {
    return await send();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!isHttpFailure(error)) throw error;
    const retryAt = lane.budget.limitedUntil(error, bucket);
    if (retryAt !== undefined) throw new Limited(route, error, retryAt);
    // NB: a 404 for the token must not be taken for a 404 for what the token was wanted for.
    if (error.status < 500)
      throw route === TOKEN_ROUTE ? new NoToken(route, error) : new Refused(route, error);
    const [waitMs, ...rest] = again;
    if (waitMs === undefined || isTimeOut(error)) throw new Unanswered(route, error);
    await clock.until(clock.now() + waitMs, signal);
    return await sendCarefully(send, sending, rest, clock);
  } finally {
    ended();
  }
}

/** A call that ran into its time limit has cost enough time; the next pass asks again. */
function isTimeOut(failure: HttpFailure): boolean {
  return failure.cause instanceof Error && failure.cause.name === "TimeoutError";
}
