import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { examineGitHub, type GitHubParts } from "../../src/cli/doctor-github.ts";
import { Refused, Unanswered } from "../../src/github/errors.ts";
import type { AppSeen, InstallationSeen } from "../../src/ports/app.ts";
import { NOW, REPO, seconds } from "../support/build.ts";

const RIGHTS = {
  administration: "write",
  checks: "write",
  actions: "write",
  contents: "read",
  metadata: "read",
};
const EVENTS = ["workflow_job", "check_run", "push", "repository"];
const PAGE = "https://github.com/organizations/SpinW/settings/apps/mayfly-spinw";

const APP: AppSeen = {
  slug: "mayfly-spinw",
  owner: { login: "SpinW", isOrganization: true },
  permissions: RIGHTS,
  events: EVENTS,
  hook: { url: "https://mayfly.example.org/webhook", contentType: "json", hasSecret: true },
  at: NOW,
};
const INSTALLATION: InstallationSeen = {
  url: "https://github.com/organizations/SpinW/settings/installations/7",
  isSuspended: false,
  permissions: RIGHTS,
  events: EVENTS,
};

type Site = {
  app?: Partial<AppSeen> | Error;
  installation?: Partial<InstallationSeen> | "none" | Error;
  parts?: Partial<GitHubParts>;
};

const answer = <T extends object>(good: T, change: Partial<T> | Error = {}): T => {
  if (change instanceof Error) throw change;
  return { ...good, ...change };
};

/** What is found to be wrong, by section. */
async function faultsOf({ app, installation, parts }: Site = {}): Promise<Record<string, string[]>> {
  const sections = await examineGitHub({
    setup: {
      app: async () => answer(APP, app),
      installation: async () => (installation === "none" ? "none" : answer(INSTALLATION, installation)),
    },
    project: fileURLToPath(new URL("../..", import.meta.url)),
    webUrl: "https://github.com",
    apiUrl: "https://api.github.com",
    intake: "webhook",
    relayUrl: undefined,
    repositories: [REPO],
    operators: ["octocat"],
    now: () => NOW,
    signal: new AbortController().signal,
    ...parts,
  });
  return Object.fromEntries(
    sections.filter(({ faults }) => faults.length > 0).map(({ name, faults }) => [name, faults]),
  );
}

const refused = (status: number) => new Refused("GET /app", Object.assign(new Error("no"), { status }));

describe("the doctor, at GitHub", () => {
  test("finds nothing where all is well", async () => {
    expect(await faultsOf()).toEqual({});
  });

  test("wants the right to ask who is in a team only where one operates", async () => {
    const { "GitHub App": faults } = await faultsOf({ parts: { operators: ["SpinW/admins"] } });

    expect(faults).toEqual([expect.stringContaining("The App lacks members: read.")]);
  });

  test.each([401, 404])("says that the key or the number is wrong when GitHub answers %d", async (status) => {
    const { "GitHub App": faults } = await faultsOf({ app: refused(status) });

    expect(faults).toEqual([
      expect.stringMatching(
        /^GitHub does not know an App with this number and this key \(status \d+\)\. Compare APP_ID/,
      ),
    ]);
  });

  test("says that GitHub cannot be reached, and looks no further", async () => {
    const app = new Unanswered("GET /app", new Error("connect ECONNREFUSED"));

    expect(await faultsOf({ app })).toEqual({
      "GitHub App": [expect.stringMatching(/^GitHub cannot be asked at https:\/\/api\.github\.com .* curl /)],
    });
  });

  test("says which rights and events the App lacks, and where to give them", async () => {
    const { checks: _, ...fewer } = RIGHTS;
    const app = { permissions: { ...fewer, actions: "read" }, events: ["push", "repository"] };

    expect(await faultsOf({ app })).toEqual({
      "GitHub App": [
        `The App lacks checks: write, actions: write. Give it that on ${PAGE}/permissions; whoever owns a repository is then asked to accept it.`,
        `The App is not subscribed to workflow_job, check_run. Tick it on ${PAGE}/permissions, under "Subscribe to events".`,
      ],
    });
  });

  test("is content with more rights than are needed", async () => {
    expect(
      await faultsOf({ app: { permissions: { ...RIGHTS, contents: "write", issues: "read" } } }),
    ).toEqual({});
  });

  test("finds the page of an App that belongs to a person", async () => {
    const app = { owner: { login: "jo", isOrganization: false }, hook: { ...APP.hook, url: undefined } };

    expect((await faultsOf({ app })).Webhooks?.[0]).toContain(
      " https://github.com/settings/apps/mayfly-spinw ",
    );
  });
});

describe("the doctor, about webhooks", () => {
  const relayUrl = "https://smee.io/secret-channel";
  const webhooks = async (hook: Partial<AppSeen["hook"]>, parts: Partial<GitHubParts> = {}) =>
    (await faultsOf({ app: { hook: { ...APP.hook, ...hook } }, parts })).Webhooks ?? [];

  test("says that there is no address", async () => {
    expect(await webhooks({ url: undefined })).toEqual([
      `The App has no webhook address. On ${PAGE} tick Active under Webhook, and enter https://<your address>/webhook.`,
    ]);
  });

  test("wants none where GitHub is only asked, and no events", async () => {
    const app = { hook: { url: undefined, contentType: undefined, hasSecret: false }, events: [] };

    expect(await faultsOf({ app, parts: { intake: "poll" } })).toEqual({});
  });

  test("says that they go to another place than Mayfly's", async () => {
    expect(await webhooks({ url: "https://smee.io/abc" })).toEqual([
      `The App's webhook goes to smee.io, to a path that is not /webhook. Enter https://<your address>/webhook on ${PAGE}; if smee.io is a relay, set RELAY_URL to that address here.`,
    ]);
  });

  test("is content with a relay, whether its address ends with a slash or not", async () => {
    expect(await webhooks({ url: relayUrl }, { relayUrl })).toEqual([]);
    expect(await webhooks({ url: `${relayUrl}/` }, { relayUrl })).toEqual([]);
  });

  test("says that they go past the relay, or to another channel, and tells nobody which", async () => {
    const past = await webhooks({}, { relayUrl });
    const other = await webhooks({ url: "https://smee.io/other-channel" }, { relayUrl });

    expect(past).toEqual([
      expect.stringMatching(
        /^The App's webhook goes to mayfly\.example\.org, and Mayfly listens to the relay smee\.io\. /,
      ),
    ]);
    expect(other).toEqual([
      expect.stringMatching(/^The App's webhook goes to smee\.io, but not to the channel/),
    ]);
    expect([...past, ...other].join()).not.toMatch(/secret-channel|other-channel/);
  });

  test("says that they come in a form, or without a secret", async () => {
    expect(await webhooks({ contentType: "form", hasSecret: false })).toEqual([
      `Webhooks come as form. Set their content type to application/json on ${PAGE}.`,
      `Webhooks have no secret, so none of them is taken. Enter WEBHOOK_SECRET on ${PAGE}.`,
    ]);
  });
});

describe("the doctor, about the time", () => {
  test.each([
    [30, []],
    [-30, []],
    [31, [expect.stringMatching(/^This machine's clock is 31 s behind GitHub's/)]],
    [-95, [expect.stringMatching(/^This machine's clock is 95 s ahead of GitHub's/)]],
  ])("compares GitHub's clock, %d s on, with ours", async (ahead, faults) => {
    const found = await faultsOf({ app: { at: NOW + seconds(ahead) } });

    expect(found.Clock ?? []).toEqual(faults);
  });

  test("says nothing where GitHub does not", async () => {
    expect(await faultsOf({ app: { at: undefined } })).toEqual({});
  });
});

describe("the doctor, about a repository", () => {
  const section = `Repository ${REPO}`;

  test("says that the App is not installed there", async () => {
    expect(await faultsOf({ installation: "none" })).toEqual({
      [section]: [
        "The App is not installed there. Install it: https://github.com/apps/mayfly-spinw/installations/new",
      ],
    });
  });

  test("says that the App is suspended there", async () => {
    expect(await faultsOf({ installation: { isSuspended: true } })).toEqual({
      [section]: [`The App is suspended there. Its owner can let it in again: ${INSTALLATION.url}`],
    });
  });

  test("says what its owner has not accepted, but not what the App does not ask for", async () => {
    const fewer = { ...RIGHTS, checks: "read", administration: "read" };
    const found = await faultsOf({
      app: { permissions: { ...RIGHTS, administration: "read" } },
      installation: { permissions: fewer },
    });

    expect(found[section]).toEqual([
      `Its owner has not accepted what the App asks for (checks: write). Accept it: ${INSTALLATION.url}`,
    ]);
  });

  test("says that GitHub could not be asked about it", async () => {
    expect((await faultsOf({ installation: new Error("no answer") }))[section]).toEqual([
      "GitHub could not be asked about it (no answer).",
    ]);
  });
});
