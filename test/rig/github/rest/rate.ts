import type { Installation } from "../model.ts";
import type { Schema } from "../payloads/schema.ts";
import type { World } from "../world.ts";
import { type Refusal, refuse } from "./answer.ts";

/**
 * The primary rate limit: calls of an installation in an hour, in two buckets.
 * See: docs.github.com, "Rate limits for the REST API" (5,000) and REST "Get rate limit status" (`actions_runner_registration`).
 */
export type Bucket = "core" | "actions_runner_registration";

const REGISTRATIONS_AN_HOUR = 10_000;
const HOUR_MS = 3_600_000;

/** Counts a call; refuses it when the hour's calls are used up. The headers go with whatever is answered. */
export function countCall(
  world: World,
  who: Installation | "app",
  bucket: Bucket,
): { refused?: Refusal | undefined; headers: Record<string, string> } {
  const use = useOf(world, who, bucket);
  const exhausted = use.used >= use.limit;
  if (!exhausted) use.used += 1;
  const headers = {
    "x-ratelimit-limit": String(use.limit),
    "x-ratelimit-remaining": String(use.limit - use.used),
    "x-ratelimit-reset": String(use.resetAt),
    "x-ratelimit-resource": bucket,
    "x-ratelimit-used": String(use.used),
  };
  return {
    headers,
    refused: exhausted ? refuse(403, "API rate limit exceeded for installation.") : undefined,
  };
}

/** How an installation stands. Asking costs nothing. */
export function rateLimits(world: World, who: Installation): Schema<"rate-limit-overview"> {
  const core = standing(world, who, "core");
  const unused = { limit: 0, used: 0, remaining: 0, reset: core.reset };
  const actions_runner_registration = standing(world, who, "actions_runner_registration");
  return { rate: core, resources: { core, search: unused, actions_runner_registration } };
}

function standing(world: World, who: Installation, bucket: Bucket): Schema<"rate-limit"> {
  const { limit, used, resetAt } = useOf(world, who, bucket);
  return { limit, used, remaining: limit - used, reset: resetAt };
}

type Use = { limit: number; used: number; resetAt: number };

const uses = new WeakMap<World, Map<string, Use>>();

function useOf(world: World, who: Installation | "app", bucket: Bucket): Use {
  const known = uses.get(world) ?? new Map<string, Use>();
  uses.set(world, known);
  const key = `${who === "app" ? who : who.id} ${bucket}`;
  const now = Date.now();
  const use = known.get(key);
  if (use && use.resetAt * 1000 > now) return use;
  const limit = bucket === "core" ? world.hourlyLimit : REGISTRATIONS_AN_HOUR;
  const fresh = { limit, used: 0, resetAt: Math.ceil((now + HOUR_MS) / 1000) };
  known.set(key, fresh);
  return fresh;
}
