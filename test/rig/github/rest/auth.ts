import { createPublicKey, verify } from "node:crypto";
import { z } from "zod";
import type { Level, Permissions, Repo } from "../model.ts";
import { changed, type InstallationToken, isoTime, newSecret, type World } from "../world.ts";
import { type Refusal, refuse } from "./answer.ts";

/**
 * Who calls: the App itself (its JWT, or what it signs people in with), the App on one account (an installation token), the App for a
 * person (a user token), or anybody.
 */
export type Caller =
  | { kind: "app" }
  | { kind: "client" }
  | { kind: "installation"; token: InstallationToken }
  | { kind: "user"; login: string }
  | { kind: "anybody" };

/**
 * Finds out who calls. A JWT must be signed by the App's key, be in force, and last for ten minutes at most.
 * See: docs.github.com, "Generating a JSON Web Token for a GitHub App"; the messages are those that @octokit/auth-app looks for.
 */
export function authenticate(world: World, authorization: string | undefined): Caller | Refusal {
  if (authorization?.startsWith("Basic ")) return checkClient(world, authorization);
  const credential = authorization?.replace(/^(bearer|token) /i, "");
  if (!credential) return refuse(401, "Requires authentication");
  if (credential.split(".").length === 3) return checkJwt(world, credential) ?? { kind: "app" };
  const user = world.userTokens.get(credential);
  if (user && user.expiresAt > Date.now()) return { kind: "user", login: user.login };
  const token = world.installationTokens.get(credential);
  if (!token || token.expiresAt <= Date.now()) return refuse(401, "Bad credentials");
  if (token.installation.suspendedAt !== undefined)
    return refuse(403, "This installation has been suspended");
  return { kind: "installation", token };
}

/** See: docs.github.com, REST, "Authenticating to the REST API", on basic authentication. */
function checkClient({ app }: World, authorization: string): Caller | Refusal {
  const given = Buffer.from(authorization.replace("Basic ", ""), "base64").toString();
  return given === `${app.clientId}:${app.clientSecret}`
    ? { kind: "client" }
    : refuse(401, "Bad credentials");
}

const Claims = z.object({ iat: z.int(), exp: z.int(), iss: z.union([z.string(), z.int()]) });

const UNREADABLE = "A JSON web token could not be decoded";

function checkJwt(world: World, jwt: string): Refusal | undefined {
  const [head = "", body = "", signature = ""] = jwt.split(".");
  const header = decoded(z.object({ alg: z.literal("RS256") }), head);
  const claims = decoded(Claims, body);
  if (!header || !claims) return refuse(401, UNREADABLE);
  const key = createPublicKey(world.app.privateKey);
  if (!verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"))) {
    return refuse(401, UNREADABLE);
  }
  const now = Math.floor(Date.now() / 1000);
  if (String(claims.iss) !== String(world.app.id))
    return refuse(401, "'Issuer' claim ('iss') must be an Integer");
  if (claims.iat > now + 5) {
    return refuse(
      401,
      "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    );
  }
  if (claims.exp <= now)
    return refuse(
      401,
      "'Expiration time' claim ('exp') must be a numeric value representing the future time",
    );
  if (claims.exp > now + 600) return refuse(401, "'Expiration time' claim ('exp') is too far in the future");
  return undefined;
}

function decoded<T>(shape: z.ZodType<T>, part: string): T | undefined {
  try {
    return shape.safeParse(JSON.parse(Buffer.from(part, "base64url").toString())).data;
  } catch {
    return undefined; // not JSON: the caller says so
  }
}

const RANK: Record<Level, number> = { read: 1, write: 2, admin: 3 };

export const allows = (granted: Permissions, wanted: Permissions): boolean =>
  Object.entries(wanted).every(
    ([name, level]) => RANK[granted[name] ?? "read"] >= RANK[level] && name in granted,
  );

export type Narrowing = { permissions?: Permissions | undefined; repos?: readonly Repo[] | undefined };

/** Makes a token that is good for an hour, for all that the installation may do or for less. */
export function issueToken(
  world: World,
  installation: InstallationToken["installation"],
  { permissions, repos }: Narrowing,
): { token: string; expires_at: string; permissions: Permissions } {
  const token = newSecret("ghs_");
  const expiresAt = Date.now() + world.times.installationTokenMs;
  const granted = permissions ?? installation.permissions;
  world.installationTokens.set(token, {
    installation,
    permissions: granted,
    repos: repos ? new Set(repos) : installation.repos,
    expiresAt,
  });
  changed(world);
  return { token, expires_at: isoTime(expiresAt), permissions: granted };
}
