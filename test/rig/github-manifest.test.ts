import { createPublicKey } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createApp, installApp } from "../support/manifest.ts";
import { type EmulatedGitHub, startGitHub } from "./github/server.ts";

/** The emulated GitHub: an App from a manifest. */

const MANIFEST = {
  name: "Mayfly of octo",
  url: "https://mayfly.example.org",
  hook_attributes: { url: "https://mayfly.example.org/webhook", active: true },
  redirect_url: "http://127.0.0.1:3000/setup/created",
  callback_urls: ["https://mayfly.example.org/sign-in/callback"],
  setup_url: "https://mayfly.example.org/settings",
  default_permissions: { actions: "write", metadata: "read" },
  default_events: ["workflow_job"],
};

let github: EmulatedGitHub;

beforeEach(async () => {
  github = await startGitHub();
  github.addRepository("octo/spinw", { installed: false });
  github.addRepository("other/thing", { installed: false });
});
afterEach(() => github.close());

const redeem = (code: string | null) =>
  fetch(`${github.apiUrl}/app-manifests/${code}/conversions`, {
    method: "POST",
    headers: { "user-agent": "test" },
  });

const newPage = (state = "s") => `${github.url}/organizations/octo/settings/apps/new?state=${state}`;

describe("an App from a manifest", () => {
  it("sends the browser back with a code and the state, and gives its credentials for it once", async () => {
    const back = await createApp(newPage("a state"), MANIFEST);
    const code = back.searchParams.get("code");
    const answer = await redeem(code);
    const again = await redeem(code);

    expect(`${back.origin}${back.pathname}`).toBe(MANIFEST.redirect_url);
    expect(back.searchParams.get("state")).toBe("a state");
    expect(answer.status).toBe(201);
    const app = (await answer.json()) as Record<string, string>;
    expect(app).toMatchObject({ name: MANIFEST.name, slug: "mayfly-of-octo", owner: { login: "octo" } });
    expect(createPublicKey(app.pem ?? "").asymmetricKeyType).toBe("rsa");
    expect(app.webhook_secret?.length).toBeGreaterThan(15);
    expect(again.status).toBe(404);
    expect(github.violations).toEqual([]);
  });

  it("gives nothing for a code that is too old", async () => {
    github.world.times.manifestCodeMs = 0;

    const back = await createApp(newPage(), MANIFEST);

    expect((await redeem(back.searchParams.get("code"))).status).toBe(404);
  });

  it("has no webhook secret if it has no webhook", async () => {
    const { hook_attributes: _, ...manifest } = MANIFEST;

    const back = await createApp(newPage(), manifest);
    const app = (await (await redeem(back.searchParams.get("code"))).json()) as Record<string, string>;

    expect(app.webhook_secret).toBeNull();
    expect(github.world.webhook).toBeUndefined();
  });

  it("can be installed on its own account only, and then leads to its setup address", async () => {
    await createApp(newPage(), MANIFEST);
    const page = `${github.url}/apps/mayfly-of-octo/installations/new`;
    const offered = await (await fetch(page)).text();

    const back = await installApp(page, ["octo/spinw", "other/thing"]);

    expect(offered).toContain("octo/spinw");
    expect(offered).not.toContain("other/thing");
    expect(back?.href).toMatch(/^https:\/\/mayfly\.example\.org\/settings\?installation_id=\d+&/);
    expect([...github.world.installations.values()].map(({ account }) => account.login)).toEqual(["octo"]);
  });

  it.each([
    ["has no address", { url: undefined }],
    ["has a hook without an address", { hook_attributes: { active: false } }],
    ["asks for an event that goes to every App", { default_events: ["installation"] }],
    ["asks for an event without its permission", { default_events: ["push"] }],
    ["has a name that is too long", { name: "x".repeat(35) }],
  ])("is refused if its manifest %s", async (_, change) => {
    await expect(createApp(newPage(), { ...MANIFEST, ...change })).rejects.toThrow(
      "Invalid GitHub App configuration",
    );
  });
});
