import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

/** GitHub's own examples of `workflow_job` webhooks. See: test/rig/github/openapi/README.md. */
export const EXAMPLES: readonly Example[] = JSON.parse(
  readFileSync(new URL("../rig/github/openapi/workflow-job-examples.json", import.meta.url), "utf8"),
);

export type Example = {
  action: string;
  workflow_job: { id: number; run_id: number };
  repository: { full_name: string };
  installation?: { id: number };
};

export const SECRET = "a secret that only tests know";

/** The headers that GitHub sends with a webhook. */
export function signed(
  body: string | Uint8Array,
  event = "workflow_job",
  secret = SECRET,
): Record<string, string> {
  return {
    "content-type": "application/json",
    "x-github-delivery": randomUUID(),
    "x-github-event": event,
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
}
