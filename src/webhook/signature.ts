import { createHmac, timingSafeEqual } from "node:crypto";
import { SetupError } from "../ports.ts";

const SHORTEST_SECRET = 16;
const HEADER = /^sha256=[0-9a-f]{64}$/i;

/** Verifies the `X-Hub-Signature-256` header against a body, byte for byte as it came. */
export type Verify = (body: Uint8Array, header: string) => boolean;

/**
 * Makes the check of signatures. Several secrets may be live at once, so that one can be rotated without losing a webhook.
 * Throws `SetupError` unless every secret is one that an outsider cannot guess.
 * See: docs.github.com, "Validating webhook deliveries".
 */
export function signatureCheck(secrets: readonly string[]): Verify {
  if (secrets.length === 0) {
    throw new SetupError(
      "There is no webhook secret. Make one (openssl rand -hex 32), enter it in the GitHub App's settings, and set WEBHOOK_SECRET to it.",
    );
  }
  for (const secret of secrets) refuseGuessable(secret);
  return (body, header) =>
    HEADER.test(header) && matchesAny(secrets, body, Buffer.from(header.slice(7), "hex"));
}

function refuseGuessable(secret: string): void {
  // NB: "development" is what Probot takes if nothing is set, so everybody can sign with it.
  if (secret === "development") {
    throw new SetupError(
      'The webhook secret is "development", which everybody knows. Make another (openssl rand -hex 32) and enter it in the GitHub App\'s settings too.',
    );
  }
  if (secret.length < SHORTEST_SECRET) {
    throw new SetupError(
      `A webhook secret is shorter than ${SHORTEST_SECRET} characters. Make another (openssl rand -hex 32) and enter it in the GitHub App's settings too.`,
    );
  }
}

/** Tries every secret whatever the first one says, so that the time taken tells nothing. */
function matchesAny(secrets: readonly string[], body: Uint8Array, signature: Uint8Array): boolean {
  const matches = secrets.map((secret) =>
    timingSafeEqual(createHmac("sha256", secret).update(body).digest(), signature),
  );
  return matches.includes(true);
}
