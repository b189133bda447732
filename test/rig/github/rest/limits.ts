import type { LimitName, Limits } from "../model.ts";
import type { World } from "../world.ts";
import { type Refusal, refuse } from "./answer.ts";

/**
 * GitHub's numbers. That the points are those of all endpoints together, and that check runs count as content, is the worst case:
 * GitHub does not say. See: docs.github.com, "Rate limits for the REST API", "About secondary rate limits" and "Calculating points";
 * "Actions limits" for registrations, of one repository.
 */
export const REAL_LIMITS: Limits = {
  pointsAMinute: 900,
  atOnce: 100,
  contentAMinute: 80,
  contentAnHour: 500,
  registrationsInFiveMinutes: 1500,
  penaltySeconds: 60,
  scale: 1,
};

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

const CONTENT: ReadonlySet<string> = new Set(["checks/create", "checks/update"]);
const REGISTRATION = "actions/generate-runner-jitconfig-for-repo";

/** GitHub's clock, by which its limits and headers go. It is the machine's own unless `scale` makes it a faster one. */
export function limitNow({ startedAt, limits }: World): number {
  return limits ? startedAt + (Date.now() - startedAt) * limits.scale : Date.now();
}

/** A call begins; to be called when it was answered. */
export function beginCall(world: World, installation: number | undefined): () => void {
  if (installation === undefined) return () => {};
  const book = bookOf(world, installation);
  book.atOnce += 1;
  return () => {
    book.atOnce -= 1;
  };
}

export type LimitedCall = { installation: number; operation: string; method: string; repo: string };

/**
 * Counts a call, and answers the refusal if it goes over a secondary limit. A call that is made while the installation is limited makes
 * that last longer. See: docs.github.com, "Rate limits for the REST API", "Exceeding the rate limit".
 */
export function secondaryLimit(world: World, call: LimitedCall): Refusal | undefined {
  const { limits } = world;
  if (!limits) return undefined;
  const book = bookOf(world, call.installation);
  const now = limitNow(world);
  const isLimited = now < book.limitedUntil;
  const over = isLimited ? book.limit : exceeded(limits, book, call, now);
  if (over === undefined) return undefined;
  const { installation, operation } = call;
  world.limited.push({
    at: Date.now(),
    installation,
    operation,
    limit: over,
    again: isLimited && book.isTold,
  });
  limitInstallation(world, installation, over);
  book.isTold = true;
  return refuse(
    403,
    `You have exceeded a secondary rate limit (${over}). Please wait a few minutes before you try again.`,
    { "retry-after": String(limits.penaltySeconds) },
  );
}

/** From now on all calls of the installation are refused, for a while. */
export function limitInstallation(world: World, installation: number, limit: LimitName): void {
  const book = bookOf(world, installation);
  const now = limitNow(world);
  if (book.limitedUntil <= now) book.isTold = false;
  book.limit = limit;
  book.limitedUntil = now + (world.limits?.penaltySeconds ?? 0) * 1000;
}

/** Notes the call in all windows, and names the first limit that it goes over. */
function exceeded(limits: Limits, book: Book, call: LimitedCall, now: number): LimitName | undefined {
  const isContent = CONTENT.has(call.operation);
  const isRegistration = call.operation === REGISTRATION;
  const points = call.method === "GET" ? 1 : 5;
  const minute = sum(book, "points", { now, ms: MINUTE_MS, more: points });
  const content = sum(book, "content", { now, ms: MINUTE_MS, more: isContent ? 1 : 0 });
  const contentHour = sum(book, "content of the hour", { now, ms: HOUR_MS, more: isContent ? 1 : 0 });
  const registrations = sum(book, `registrations ${call.repo}`, {
    now,
    ms: 5 * MINUTE_MS,
    more: isRegistration ? 1 : 0,
  });
  if (book.atOnce > limits.atOnce) return "atOnce";
  if (minute > limits.pointsAMinute) return "pointsAMinute";
  if (isContent && content > limits.contentAMinute) return "contentAMinute";
  if (isContent && contentHour > limits.contentAnHour) return "contentAnHour";
  if (isRegistration && registrations > limits.registrationsInFiveMinutes)
    return "registrationsInFiveMinutes";
  return undefined;
}

/** How an installation stands. Windows slide: what GitHub's do is not documented, and this is the strictest. */
type Book = {
  atOnce: number;
  windows: Map<string, { at: number; count: number }[]>;
  limit: LimitName | undefined;
  limitedUntil: number;
  /** A call has been refused since the limit was set. */
  isTold: boolean;
};

const books = new WeakMap<World, Map<number, Book>>();

function bookOf(world: World, installation: number): Book {
  const known = books.get(world) ?? new Map<number, Book>();
  books.set(world, known);
  const book = known.get(installation) ?? {
    atOnce: 0,
    windows: new Map(),
    limit: undefined,
    limitedUntil: 0,
    isTold: false,
  };
  known.set(installation, book);
  return book;
}

function sum(book: Book, name: string, { now, ms, more }: { now: number; ms: number; more: number }): number {
  const window = (book.windows.get(name) ?? []).filter(({ at }) => at > now - ms);
  if (more > 0) window.push({ at: now, count: more });
  book.windows.set(name, window);
  return window.reduce((total, { count }) => total + count, 0);
}
