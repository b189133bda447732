import { readdirSync, readFileSync } from "node:fs";
import { Probot, ProbotOctokit } from "probot";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { mayflyApp } from "../src/app.ts";
import { ROUTES, TOKEN_ROUTE } from "../src/github/routes.ts";
import { allows } from "./rig/github/rest/auth.ts";
import { NEEDED } from "./rig/github/rest/handlers.ts";
import { loadOperations } from "./rig/github/schemas.ts";
import { aWorld } from "./support/build.ts";
import { fakeClock } from "./support/clock.ts";
import { keptLog } from "./support/log.ts";

const ROOT = new URL("..", import.meta.url);
const manifest = z
  .object({
    name: z.string(),
    url: z.url(),
    hook_attributes: z.object({ url: z.url(), active: z.literal(true) }),
    public: z.literal(false),
    default_permissions: z.record(z.string(), z.enum(["read", "write"])),
    default_events: z.array(z.string()),
  })
  .parse(parse(readFileSync(new URL("app.yml", ROOT), "utf8")));

/**
 * What GitHub wants before it sends an event. See: docs.github.com, "Webhook events and payloads"; for push, probot issue 1317.
 * Events that are not here are sent to every App, and GitHub refuses a manifest that lists them.
 */
const EVENT_NEEDS: Record<string, string> = {
  workflow_job: "actions: read",
  check_run: "checks: write",
  push: "contents: read",
  repository: "metadata: read",
};
const SENT_TO_ALL = ["installation", "installation_repositories"];

describe("app.yml", () => {
  test("asks for the permissions that the calls and the events need, and for no other", () => {
    const needs = [
      ...Object.values(ROUTES).map((rules) => rules.needs),
      ...manifest.default_events.map((event) => EVENT_NEEDS[event] ?? `nobody knows what ${event} needs`),
    ].filter((need) => need !== "app");

    const highest: Record<string, string> = {};
    for (const need of needs) {
      const [permission = "", level = ""] = need.split(": ");
      if (highest[permission] !== "write") highest[permission] = level;
    }
    expect(manifest.default_permissions).toEqual(highest);
  });

  test("subscribes to the events that the app handles, and to no other", () => {
    const handled = eventsOf();

    expect([...manifest.default_events, ...SENT_TO_ALL].sort()).toEqual(handled);
  });

  test("says of each permission and event what for", () => {
    const lines = readFileSync(new URL("app.yml", ROOT), "utf8").split("\n");
    const asked = [
      ...Object.entries(manifest.default_permissions).map(([name, level]) => `  ${name}: ${level}`),
      ...manifest.default_events.map((event) => `  - ${event}`),
    ];

    for (const line of asked) expect(lines[lines.indexOf(line) - 1]).toMatch(/^ {2}# ./);
  });
});

describe("the table of routes", () => {
  test("has the calls that the code makes, and no other", () => {
    const made = new Set([TOKEN_ROUTE, ...callsInSource().map(routeOf)]);

    expect([...made].sort()).toEqual(Object.keys(ROUTES).sort());
  });

  test.for(Object.entries(ROUTES).filter(([, { needs }]) => needs !== "app" && needs !== "metadata: read"))(
    "knows the right that GitHub wants for %s",
    ([route, { needs }]) => {
      const [method = "", path = ""] = route.split(" ");
      const operation = loadOperations().find(
        (one) => one.method === method.toLowerCase() && one.path === path,
      );
      const [permission = "", level = ""] = needs.split(": ");
      const wanted = Object.entries(NEEDED).find(([id]) => id === operation?.id)?.[1];

      expect(wanted).toEqual({ [permission]: level });
      expect(allows(manifest.default_permissions, wanted ?? {})).toBe(true);
    },
  );
});

/** The names of the events that app.ts has a handler for. */
function eventsOf(): string[] {
  const { log } = keptLog();
  const probot = new Probot({ githubToken: "none is used", log });
  const names: string[] = [];
  const app = Object.assign(probot, {
    on: (name: string | string[]) => names.push(...[name].flat().map((one) => one.split(".")[0] ?? "")),
  });
  const calls = { ring: () => {}, sweepSoon: () => {}, readSettings: async () => {} };
  const kept = { record: async () => {}, findJob: async () => undefined };
  const parts = { ...calls, ...kept, serves: () => true, world: aWorld, clock: fakeClock(), log };
  void mayflyApp({ ...parts, github: noGitHub })(app, {
    cwd: "",
    addHandler: () => {},
  });
  return [...new Set(names)].sort();
}

const noGitHub = {
  job: unasked,
  run: unasked,
  rerunJob: unasked,
  rerunRun: unasked,
  mayWrite: unasked,
};

function unasked(): never {
  throw new Error("nobody is to be asked");
}

/** Every `rest.actions.something(` in src/github. */
function callsInSource(): [string, string][] {
  const folder = new URL("src/github/", ROOT);
  return readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), "utf8"))
    .flatMap((text) => [...text.matchAll(/\b(?:rest|app)\.(\w+)\.(\w+)\(/g)])
    .map(([, scope = "", method = ""]) => [scope, method]);
}

function routeOf([scope, method]: [string, string]): string {
  const rest: Record<
    string,
    Record<string, { endpoint: { DEFAULTS: { method: string; url: string } } }>
  > = new ProbotOctokit({ throttle: { enabled: false } }).rest;
  const defaults = rest[scope]?.[method]?.endpoint.DEFAULTS;
  return `${defaults?.method} ${defaults?.url}`;
}
