import type { Schema } from "../payloads/schema.ts";
import type { World } from "../world.ts";
import { limitNow } from "./limits.ts";

/**
 * The primary rate limit: calls in an hour, counted for each installation, for the App, and for each person, in two buckets.
 * See: docs.github.com, "Rate limits for the REST API" (5,000, and how it grows), and REST "Get rate limit status" (`actions_runner_registration`).
 */
export type Account = {
  who: number | "app" | `user ${string}`;
  bucket: "core" | "actions_runner_registration";
};

const REGISTRATIONS_AN_HOUR = 10_000;
/** An installation with more than 20 repositories may make 50 more calls for each further one, up to this. */
const MOST_CALLS_AN_HOUR = 12_500;
const FEW_REPOSITORIES = 20;
const CALLS_OF_A_REPOSITORY = 50;
const HOUR_MS = 3_600_000;

export function isExhausted(world: World, account: Account): boolean {
  const { used, limit } = useOf(world, account);
  return used >= limit;
}

/** Notes calls, and says in GitHub's headers where the account stands. */
export function chargeCall(world: World, account: Account, calls: number): Record<string, string> {
  const use = useOf(world, account);
  use.used = Math.min(use.used + calls, use.limit);
  return {
    "x-ratelimit-limit": String(use.limit),
    "x-ratelimit-remaining": String(use.limit - use.used),
    "x-ratelimit-reset": String(use.resetAt),
    "x-ratelimit-resource": account.bucket,
    "x-ratelimit-used": String(use.used),
  };
}

/** How an installation stands. Asking costs nothing. */
export function rateLimits(world: World, installation: number): Schema<"rate-limit-overview"> {
  const core = standing(world, { who: installation, bucket: "core" });
  const actions_runner_registration = standing(world, {
    who: installation,
    bucket: "actions_runner_registration",
  });
  const search = { limit: 0, used: 0, remaining: 0, reset: core.reset };
  return { rate: core, resources: { core, search, actions_runner_registration } };
}

function standing(world: World, account: Account): Schema<"rate-limit"> {
  const { limit, used, resetAt } = useOf(world, account);
  return { limit, used, remaining: limit - used, reset: resetAt };
}

/** Calls of an hour; `resetAt` in seconds, as in the header. */
type Use = { limit: number; used: number; resetAt: number };

const uses = new WeakMap<World, Map<string, Use>>();

function useOf(world: World, { who, bucket }: Account): Use {
  const known = uses.get(world) ?? new Map<string, Use>();
  uses.set(world, known);
  const key = `${who} ${bucket}`;
  const now = limitNow(world);
  const use = known.get(key);
  if (use && use.resetAt * 1000 > now) return use;
  const limit = bucket === "core" ? callsAnHour(world, who) : REGISTRATIONS_AN_HOUR;
  const fresh = { limit, used: 0, resetAt: Math.ceil((now + HOUR_MS) / 1000) };
  known.set(key, fresh);
  return fresh;
}

function callsAnHour({ hourlyLimit, installations }: World, who: Account["who"]): number {
  const repositories = typeof who === "number" ? (installations.get(who)?.repos.size ?? 0) : 0;
  const more = CALLS_OF_A_REPOSITORY * Math.max(0, repositories - FEW_REPOSITORIES);
  return Math.max(hourlyLimit, Math.min(hourlyLimit + more, MOST_CALLS_AN_HOUR));
}
