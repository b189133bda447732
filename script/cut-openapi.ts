import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Cuts GitHub's API description down to what the emulated GitHub speaks; called by `script/cut-openapi`.
 * What is only for readers (descriptions, examples, extensions) is dropped; the meaning is not touched.
 */

/** REST operations that test/rig/github answers. A test holds the two lists together. */
const OPERATIONS = new Set([
  "actions/cancel-workflow-run",
  "actions/create-registration-token-for-repo",
  "actions/delete-self-hosted-runner-from-repo",
  "actions/force-cancel-workflow-run",
  "actions/generate-runner-jitconfig-for-repo",
  "actions/get-job-for-workflow-run",
  "actions/get-self-hosted-runner-for-repo",
  "actions/get-workflow-run",
  "actions/list-jobs-for-workflow-run",
  "actions/list-self-hosted-runners-for-repo",
  "actions/list-workflow-runs-for-repo",
  "actions/re-run-job-for-workflow-run",
  "actions/re-run-workflow-failed-jobs",
  "apps/create-from-manifest",
  "apps/create-installation-access-token",
  "apps/delete-token",
  "apps/get-authenticated",
  "apps/get-installation",
  "apps/get-repo-installation",
  "apps/get-webhook-config-for-app",
  "apps/get-webhook-delivery",
  "apps/list-installation-repos-for-authenticated-user",
  "apps/list-installations",
  "apps/list-installations-for-authenticated-user",
  "apps/list-repos-accessible-to-installation",
  "apps/list-webhook-deliveries",
  "apps/redeliver-webhook-delivery",
  "apps/update-webhook-config-for-app",
  "checks/create",
  "checks/get",
  "checks/list-for-ref",
  "checks/rerequest-run",
  "checks/update",
  "rate-limit/get",
  "repos/get",
  "repos/get-collaborator-permission-level",
  "repos/get-content",
  "repos/list-commits",
  "teams/get-membership-for-user-in-org",
  "users/get-authenticated",
]);

/** Webhooks that test/rig/github sends. */
const WEBHOOKS = new Set([
  "check-run-completed",
  "check-run-created",
  "check-run-requested-action",
  "check-run-rerequested",
  "installation-created",
  "installation-deleted",
  "installation-repositories-added",
  "installation-repositories-removed",
  "installation-suspend",
  "installation-unsuspend",
  "push",
  "repository-edited",
  "workflow-job-completed",
  "workflow-job-in-progress",
  "workflow-job-queued",
  "workflow-job-waiting",
]);

const FOR_READERS = new Set([
  "description",
  "summary",
  "title",
  "example",
  "examples",
  "externalDocs",
  "tags",
]);
const METHODS = new Set(["get", "post", "put", "patch", "delete"]);

type Json = string | number | boolean | null | Json[] | Tree;
type Tree = { [key: string]: Json };

function main(from: string, to: string): void {
  const rest = read(join(from, "openapi/generated/api.github.com.json"));
  write(join(to, "rest.json"), cut(rest, { paths: chosenPaths(rest) }));

  const webhooks = read(join(from, "openapi-webhooks/generated/api.github.com.json"));
  write(join(to, "webhooks.json"), cut(webhooks, { webhooks: chosenWebhooks(webhooks) }));

  const examples = read(join(from, "webhooks-examples/api.github.com/index.json"));
  write(join(to, "workflow-job-examples.json"), workflowJobExamples(examples));
  writeFileSync(join(to, "LICENSE"), readFileSync(join(from, "openapi/LICENSE")));
}

function chosenPaths(document: Tree): Tree {
  const chosen: Tree = {};
  const found = new Set<string>();
  for (const [path, item] of Object.entries(tree(document.paths))) {
    for (const [method, operation] of Object.entries(tree(item))) {
      const id = METHODS.has(method) ? String(tree(operation).operationId) : "";
      if (!OPERATIONS.has(id)) continue;
      found.add(id);
      chosen[path] = { ...tree(chosen[path] ?? {}), [method]: operation };
    }
  }
  demand(OPERATIONS, found);
  return chosen;
}

function chosenWebhooks(document: Tree): Tree {
  const entries = Object.entries(tree(document.webhooks)).filter(([name]) => WEBHOOKS.has(name));
  demand(WEBHOOKS, new Set(entries.map(([name]) => name)));
  return Object.fromEntries(entries);
}

function demand(wanted: Set<string>, found: Set<string>): void {
  const missing = [...wanted].filter((name) => !found.has(name));
  if (missing.length > 0) throw new Error(`GitHub's description has no ${missing.join(", ")}`);
}

/** A document with the chosen part, and of the components only what that part refers to, directly or not. */
function cut(document: Tree, part: Tree): Tree {
  const info = tree(document.info);
  const chosen = strip(part);
  const components: Record<string, Tree> = {};
  const open = references(chosen);
  for (let reference = open.pop(); reference !== undefined; reference = open.pop()) {
    const [, , kind, name] = reference.split("/");
    if (kind === undefined || name === undefined) throw new Error(`cannot follow ${reference}`);
    components[kind] ??= {};
    const known = components[kind];
    if (known[name] !== undefined) continue;
    const component = strip(tree(tree(document.components)[kind])[name] ?? null);
    known[name] = component;
    open.push(...references(component));
  }
  return {
    openapi: document.openapi ?? "",
    info: {
      title: "A cut of GitHub's API description",
      version: info.version ?? "",
      license: info.license ?? {},
    },
    ...tree(chosen),
    components: sorted(components),
  };
}

/** NB: a map of properties or of headers has names of GitHub's choice as keys; `description` is data there. */
function strip(node: Json, keysAreNames = false): Json {
  if (Array.isArray(node)) return node.map((entry) => strip(entry));
  if (node === null || typeof node !== "object") return node;
  const kept = Object.entries(node).filter(
    ([key]) => keysAreNames || !(FOR_READERS.has(key) || key.startsWith("x-")),
  );
  return Object.fromEntries(
    kept.map(([key, value]) => [key, strip(value, !keysAreNames && key === "properties")]),
  );
}

function references(node: Json): string[] {
  if (Array.isArray(node)) return node.flatMap(references);
  if (node === null || typeof node !== "object") return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === "$ref" && typeof value === "string" ? [value] : references(value),
  );
}

function sorted(components: Record<string, Tree>): Tree {
  const kinds = Object.entries(components).map(([kind, entries]): [string, Json] => [
    kind,
    Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))),
  ]);
  return Object.fromEntries(kinds);
}

function workflowJobExamples(events: Json): Json {
  const event = Array.isArray(events)
    ? events.find((entry) => tree(entry).name === "workflow_job")
    : undefined;
  const examples = event && tree(event).examples;
  if (!examples) throw new Error("the examples have no workflow_job");
  return examples;
}

function tree(node: Json | undefined): Tree {
  if (node === null || typeof node !== "object" || Array.isArray(node))
    throw new Error("expected a JSON object");
  return node;
}

const read = (file: string): Tree => JSON.parse(readFileSync(file, "utf8"));

function write(file: string, content: Json): void {
  writeFileSync(file, `${JSON.stringify(content, null, 1)}\n`);
  console.log(`${file}: ${Math.round(JSON.stringify(content).length / 1000)} kB without white space`);
}

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined)
  throw new Error("usage: cut-openapi.ts <unpacked packages> <output folder>");
main(from, to);
