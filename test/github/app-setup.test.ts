import { describe, expect, test } from "vitest";
import { NO_LIMIT, REPO, startPort } from "./support.ts";

const WEBHOOK = { url: "https://mayfly.example.org/webhook", secret: "s".repeat(32) };

async function startSetup(webhook: typeof WEBHOOK | undefined = WEBHOOK) {
  const started = await startPort({ github: { webhook, permissions: { actions: "read", checks: "write" } } });
  return { ...started, setup: started.open().setup };
}

describe("how the App is set up", () => {
  test("is told with its rights, its events, its webhook and GitHub's time", async () => {
    const { setup } = await startSetup();

    const app = await setup.app(NO_LIMIT);

    expect(app).toMatchObject({
      owner: { login: "mayfly-operators", isOrganization: true },
      permissions: { actions: "read", checks: "write" },
      events: ["check_run", "push", "repository", "workflow_job"],
      hook: { url: WEBHOOK.url, contentType: "json", hasSecret: true },
    });
    expect(Math.abs((app.at ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  test("is told of an App without a webhook, too", async () => {
    const { setup, gh } = await startSetup();
    gh.world.webhook = undefined;

    expect((await setup.app(NO_LIMIT)).hook.url).toBeUndefined();
  });

  test("is told of an App whose webhook GitHub does not know", async () => {
    const { setup, gh } = await startSetup();
    gh.faults.answers.push({ operation: "apps/get-webhook-config-for-app", status: 404 });

    expect((await setup.app(NO_LIMIT)).hook).toEqual({
      url: undefined,
      contentType: undefined,
      hasSecret: false,
    });
  });

  test("is told of each repository by its installation, with what its owner has accepted", async () => {
    const { setup, gh } = await startSetup();

    const before = await setup.installation(REPO, NO_LIMIT);
    gh.suspend(REPO, true);
    const suspended = await setup.installation(REPO, NO_LIMIT);
    gh.uninstall(REPO);

    expect(before).toMatchObject({
      isSuspended: false,
      permissions: { actions: "read", checks: "write" },
      url: expect.stringMatching(/\/settings\/installations\/\d+$/),
    });
    expect(suspended).toMatchObject({ isSuspended: true });
    expect(await setup.installation(REPO, NO_LIMIT)).toBe("none");
  });

  test("is not known when GitHub does not answer", async () => {
    const { setup, gh } = await startSetup();
    gh.faults.answers.push({ operation: "apps/get-authenticated", status: 401 });

    await expect(setup.app(NO_LIMIT)).rejects.toThrow("github refused the call: GET /app, status 401");
  });
});
