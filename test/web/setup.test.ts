import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { anImage, aRepository, hours } from "../support/build.ts";
import {
  CHANNEL,
  choose,
  comeIn,
  makeAtGitHub,
  makeForm,
  type SetupDesk,
  startSetupDesk,
  WEB,
} from "./setup-desk.ts";

/** The set-up wizard: who comes in, the first step, and what GitHub is asked for. */

let desk: SetupDesk;

beforeEach(async () => {
  desk = await startSetupDesk();
});
afterEach(async () => {
  expect(desk.github.violations).toEqual([]);
  await desk.close();
});

async function restart(options: Parameters<typeof startSetupDesk>[0]): Promise<void> {
  await desk.close();
  desk = await startSetupDesk(options);
}

const refusedWith = async (response: Response, status: number, words: string) => {
  expect(response.status).toBe(status);
  expect(await response.text()).toContain(words);
};

const ALL = [
  "/",
  "/setup",
  "/setup/where",
  "/setup/app",
  "/setup/made?code=x&state=y",
  "/setup/install",
  "/setup/job",
];

describe("the wizard", () => {
  test.each([...ALL, "/setup/install/live", "/settings"])(
    "shows nothing at %s to who has no token",
    async (path) => {
      const response = await desk.browser().get(path);
      const text = await response.clone().text();

      await refusedWith(response, 403, "Mayfly is not set up yet");
      for (const word of ["octo", "Where", desk.tokens[0] ?? ""]) expect(text).not.toContain(word);
    },
  );

  test.each(["/setup/where", "/setup/made", "/setup/done"])(
    "does nothing at %s for who has no token",
    async (path) => {
      await refusedWith(await desk.browser().post(path), 403, "Mayfly is not set up yet");
      expect(desk.doneCount()).toBe(0);
    },
  );

  test("takes a form that cannot be read as one without fields, and no error of Mayfly's", async () => {
    const person = await comeIn(desk);
    const headers = { "sec-fetch-site": "same-origin", "content-type": "multipart/form-data; boundary=x" };

    const response = await person.post("/setup/where", headers, "garbage");

    expect(response.status).toBe(400);
    expect(desk.logged()).not.toContain("could not be made");
  });

  test("is alive to whoever watches the process, and not ready", async () => {
    const alive = await desk.browser().get("/healthz");
    const ready = await desk.browser().get("/readyz");

    expect([alive.status, ready.status]).toEqual([200, 503]);
    expect(await ready.json()).toMatchObject({ ready: false, checks: [{ name: "setup", ok: false }] });
  });

  test.each(["", "wrong", "x".repeat(43), "ü".repeat(43)])("is closed to the token %j", async (token) => {
    const person = desk.browser();

    await refusedWith(
      await person.get(`/setup?token=${encodeURIComponent(token)}`),
      403,
      "not the address in the log",
    );
    expect(person.cookies.size).toBe(0);
  });

  test("opens once: the address in the log is used up then, but for the browser that used it", async () => {
    const person = await comeIn(desk);
    const address = `/setup?token=${desk.tokens[0]}`;

    await refusedWith(await desk.browser().get(address), 403, "This address was used already");
    expect((await person.get(address)).headers.get("location")).toBe("/setup");
    expect(await person.text("/setup/where")).toContain("Make the GitHub App");
  });

  test("gives a cookie that no script and no other site can use, and leaves the token's address", async () => {
    const response = await desk.browser().get(`/setup?token=${desk.tokens[0]}`);

    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/setup");
    const [cookie = ""] = response.headers.getSetCookie();
    expect(cookie).toMatch(
      /^__Host-mayfly-setup=[\w-]{43}; Max-Age=7200; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(cookie).not.toContain(desk.tokens[0]);
  });

  test("is over after two hours; then there is another address in the log", async () => {
    const person = await comeIn(desk);

    await desk.clock.advance(hours(2));

    expect((await person.get("/setup/where")).status).toBe(403);
    expect(desk.tokens).toHaveLength(2);
    expect((await desk.browser().get(`/setup?token=${desk.tokens[0]}`)).status).toBe(403);
    expect(await (await comeIn(desk)).text("/setup/where")).toContain("Make the GitHub App");
  });

  test("lets forms go to GitHub from the one page that leads there", async () => {
    const person = await comeIn(desk);
    await choose(person);

    const policyOf = async (path: string) => (await person.get(path)).headers.get("content-security-policy");

    expect(await policyOf("/setup/app")).toContain(`form-action 'self' ${desk.github.url};`);
    expect(await policyOf("/setup/where")).not.toContain(desk.github.url);
    expect(await policyOf("/setup/where")).toMatch(
      /script-src 'self'; style-src 'self';.*form-action 'self' *;/,
    );
  });

  test("takes no form from elsewhere, and none of a megabyte", async () => {
    const person = await comeIn(desk);

    await refusedWith(
      await person.post(
        "/setup/where",
        { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
        "name=x",
      ),
      403,
      "Not from here",
    );
    await refusedWith(await choose(person, { name: "x".repeat(1_000_000) }), 413, "Too large");
    expect((await person.get("/setup/app")).headers.get("location")).toBe("/setup/where");
  });
});

describe("the first step", () => {
  test("proposes what mayfly.yml lets one expect", async () => {
    const page = await (await comeIn(desk)).text("/setup/where");

    expect(page).toContain('value="Mayfly of octo"');
    expect(page).toMatch(/name="org" value="octo"/);
    expect(page).toMatch(/value="direct" checked/);
  });

  test.each([
    [{ org: "" }, "The organisation must be"],
    [{ org: "octo/../evil" }, "The organisation must be"],
    [{ org: "<b>octo</b>" }, "The organisation must be"],
    [{ name: " " }, "name must have 1 to 34 characters"],
    [{ name: "x".repeat(35) }, "name must have 1 to 34 characters"],
    [{ name: "a\nb" }, "name must have 1 to 34 characters"],
    [{ way: "relay", relay: "" }, "The relay&#39;s address must be an address"],
    [{ way: "relay", relay: "http://relay.example.org/abc" }, "must begin with https://"],
    [{ way: "relay", relay: "https://smee.io/" }, "must end with the name of a channel"],
    [{ way: "pigeon" }, "Say how webhooks are to reach Mayfly"],
    [{ way: "none" }, "Say how webhooks are to reach Mayfly"],
  ])("says what is wrong with %j, and keeps the rest", async (change, words) => {
    const person = await comeIn(desk);

    const response = await choose(person, { name: "Mine", ...change });
    const page = await response.clone().text();

    await refusedWith(response, 400, words);
    expect(page).not.toContain("<b>octo</b>");
    if (!("name" in change)) expect(page).toContain('value="Mine"');
    expect((await person.get("/setup/app")).headers.get("location")).toBe("/setup/where");
  });

  test("shows a name with markup as it is written", async () => {
    const person = await comeIn(desk);
    const name = "<img src=x onerror=alert(1)>";

    await choose(person, { name });

    const page = await person.text("/setup/app");
    expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;");
    expect(page).not.toContain("<img");
    expect((await makeForm(person)).manifest.name).toBe(name);
  });

  test("fetches a channel of smee.io when asked to, which becomes the webhook's address", async () => {
    const person = await comeIn(desk);

    await choose(person, { way: "smee" });

    expect((await makeForm(person)).manifest.hook_attributes).toEqual({ url: CHANNEL, active: true });
    expect(await person.text("/setup/where")).toContain(`value="${CHANNEL}"`);
  });

  test.each([
    ["does not answer", async () => Promise.reject(new Error("down"))],
    ["answers with something else", async () => "https://smee.io/"],
  ])("says what to do when smee.io %s", async (_, newChannel) => {
    await restart({ newChannel });

    await refusedWith(
      await choose(await comeIn(desk), { way: "smee" }),
      400,
      "smee.io gave no channel. Try again; or",
    );
  });

  test.each([
    [undefined, "https://github.com", "web.url in mayfly.yml is not set"],
    ["http://127.0.0.1:3000", "https://github.com", "which GitHub cannot reach from the internet"],
    ["https://192.168.1.5", "https://github.com", "which GitHub cannot reach from the internet"],
    ["https://192.168.1.5", "https://octo.ghe.com", "which GitHub cannot reach from the internet"],
  ])("offers no direct way where web.url is %s", async (publicUrl, webUrl, words) => {
    await restart({ publicUrl, webUrl });
    const person = await comeIn(desk);

    expect(await person.text("/setup/where")).toContain(words);
    await refusedWith(await choose(person), 400, words);
  });

  test.each([
    ["https://10.1.2.3", "https://ghe.lab.example", "direct"],
    ["https://mayfly.example.org", "https://github.com", "direct"],
    [undefined, "https://ghe.lab.example", "relay"],
    [undefined, "https://github.com", "smee"],
    [undefined, "https://octo.ghe.com", "smee"],
  ])("proposes, with web.url %s and GitHub at %s, %s", async (publicUrl, webUrl, way) => {
    await restart({ publicUrl, webUrl });

    expect(await (await comeIn(desk)).text("/setup/where")).toMatch(
      new RegExp(`name="way" value="${way}" checked`),
    );
  });

  test("lets a GitHub of the site's own come directly to a private address", async () => {
    await restart({ publicUrl: "https://10.1.2.3", webUrl: "https://ghe.lab.example" });
    const person = await comeIn(desk);

    expect((await choose(person)).headers.get("location")).toBe("/setup/app");
    expect(await person.text("/setup/app")).toContain("to https://10.1.2.3/webhook");
  });

  test("takes the relay that is set already, and offers no other", async () => {
    await restart({ relayUrl: "https://relay.lab.example/secret-channel" });
    const person = await comeIn(desk);
    const page = await person.text("/setup/where");

    await choose(person, { way: "set" });

    expect(page).toContain("over relay.lab.example, the relay that is set already");
    expect(page).not.toContain("secret-channel");
    expect(page).not.toContain("smee.io");
    expect((await makeForm(person)).manifest.hook_attributes).toMatchObject({
      url: "https://relay.lab.example/secret-channel",
    });
  });

  test("says that each account needs an App of its own", async () => {
    const repositories = [
      aRepository({ name: "octo/a" }),
      aRepository({ name: "Octo/b" }),
      aRepository({ name: "mona/c" }),
    ];
    await restart({ catalogue: { controller: "t1", hosts: [], images: [anImage()], repositories } });

    expect(await (await comeIn(desk)).text("/setup/where")).toContain("repositories of Octo, mona, and");
  });
});

describe("the manifest", () => {
  const appYml = parse(readFileSync(new URL("../../app.yml", import.meta.url), "utf8"));

  test("asks for what app.yml asks for, and leads back to the browser's own address", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const { members: _, ...permissions } = appYml.default_permissions;

    const { action, manifest } = await makeForm(person);

    expect(action).toMatch(
      new RegExp(`^${desk.github.url}/organizations/octo/settings/apps/new\\?state=[\\w-]{43}$`),
    );
    expect(manifest).toEqual({
      name: "Mayfly of octo",
      description: appYml.description,
      url: WEB,
      hook_attributes: { url: `${WEB}/webhook`, active: true },
      redirect_url: `${WEB}/setup/made`,
      callback_urls: [`${WEB}/sign-in/callback`],
      setup_url: `${WEB}/settings`,
      setup_on_update: true,
      public: false,
      default_permissions: permissions,
      default_events: appYml.default_events,
    });
  });

  test("asks who is in teams only where a team operates", async () => {
    await restart({ operators: ["octo/admins"] });
    const person = await comeIn(desk);
    await choose(person);

    expect((await makeForm(person)).manifest.default_permissions).toEqual(appYml.default_permissions);
  });

  test("has no webhook where Mayfly asks by itself, and no address of ours where there is none", async () => {
    await restart({ intake: "poll", publicUrl: undefined });
    const person = await comeIn(desk);
    await choose(person, { way: "none", owner: "me" });

    const { action, manifest } = await makeForm(person);

    expect(action.startsWith(`${desk.github.url}/settings/apps/new?state=`)).toBe(true);
    expect(Object.keys(manifest)).toEqual([
      ...["name", "description", "url", "redirect_url", "public", "default_permissions"],
    ]);
    expect((await person.get(await makeAtGitHub(person))).headers.get("location")).toBe("/setup");
    expect(desk.kept()?.webhookSecret).toBeUndefined();
  });

  test.each([
    ["http://127.0.0.1:3000", "http://127.0.0.1:3000"],
    ["null", WEB],
  ])("comes back to where the browser is, which says that it is at %s", async (origin, address) => {
    const person = await comeIn(desk);
    const from = { "sec-fetch-site": "same-origin", origin };

    await person.post("/setup/where", from, "owner=me&name=Mine&way=direct");

    expect((await makeForm(person)).manifest.redirect_url).toBe(`${address}/setup/made`);
  });
});
