import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { install, repoNamed } from "../rig/github/population.ts";
import { anImage, aRepository, minutes } from "../support/build.ts";
import {
  CHANNEL,
  choose,
  comeIn,
  makeApp,
  makeAtGitHub,
  type SetupDesk,
  startSetupDesk,
} from "./setup-desk.ts";

/** The set-up wizard, from GitHub's answer on. */

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

describe("the App", () => {
  test("is kept with all that GitHub gave for it", async () => {
    const person = await makeApp(desk, { way: "relay", relay: CHANNEL });

    const { app, webhook } = desk.github.world;
    expect(desk.kept()).toEqual({
      ...{ appId: app.id, slug: app.slug, pageUrl: `${desk.github.url}/apps/${app.slug}` },
      ...{ clientId: app.clientId, clientSecret: app.clientSecret },
      ...{ webhookSecret: webhook?.secret, privateKey: app.privateKey, relayUrl: CHANNEL },
    });
    expect((await person.get("/setup")).headers.get("location")).toBe("/setup/install");
  });

  test("is in no log and on no page", async () => {
    const person = await makeApp(desk);
    const pages = await Promise.all(ALL.map((path) => person.text(path)));
    const { privateKey = "", clientSecret = "", webhookSecret = "" } = desk.kept() ?? {};

    expect(desk.logged()).toContain("the GitHub App is made");
    for (const secret of [privateKey.split("\n")[3] ?? "", clientSecret, webhookSecret]) {
      expect(secret.length).toBeGreaterThan(15);
      expect(desk.logged() + pages.join()).not.toContain(secret);
    }
  });

  test.each(["/setup/where", "/setup/app"])("is made once: %s leads on when there is one", async (path) => {
    const person = await makeApp(desk);

    expect((await person.get(path)).headers.get("location")).toBe("/setup/install");
    expect((await choose(person)).headers.get("location")).toBe("/setup/install");
  });

  test("that an earlier set-up made is taken up where that ended", async () => {
    await makeApp(desk);
    const kept = desk.kept();
    await restart({ kept });
    const person = await comeIn(desk);

    expect((await person.get("/")).headers.get("location")).toBe("/setup/install");
    expect(await person.text("/setup/install")).toContain("mayfly-of-octo");
  });
});

describe("coming back from GitHub goes wrong and is told", () => {
  test("when the state is another one, which leaves the right one good", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);

    await refusedWith(
      await person.get(back.replace(/state=[^&]+/, "state=other")),
      400,
      "belongs to another form",
    );
    await refusedWith(await person.get(back.replace(/&state=.*/, "")), 400, "belongs to another form");
    expect(desk.kept()).toBeUndefined();
    expect((await person.get(back)).headers.get("location")).toBe("/setup");
  });

  test("when it is replayed", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    await person.get(back.replace(/code=[^&]+/, "code=none"));

    await refusedWith(await person.get(back), 400, "This answer is not expected");
    expect(desk.kept()).toBeUndefined();
  });

  test("when it took more than ten minutes", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    await desk.clock.advance(minutes(10));

    await refusedWith(await person.get(back), 400, "This took too long");
    expect(desk.kept()).toBeUndefined();
  });

  test.each(["", "..%2F..%2Fapp", "a".repeat(201)])("when the code is %j", async (code) => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);

    await refusedWith(
      await person.get(back.replace(/code=[^&]+/, `code=${code}`)),
      400,
      "GitHub sent no code",
    );
  });

  test("when GitHub refuses the code", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);

    await refusedWith(
      await person.get(back.replace(/code=[^&]+/, "code=none")),
      400,
      "GitHub does not know this code",
    );
    expect(await person.text("/setup/app")).toContain("Make the App at GitHub");
  });

  test("when GitHub does not answer, and can be asked again for the same App", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    desk.goDown(true);

    await refusedWith(await person.get(back), 502, "GitHub did not answer");
    await refusedWith(await person.get("/setup/made"), 502, "GitHub did not answer");
    expect((await person.get("/setup")).headers.get("location")).toBe("/setup/made");
    desk.goDown(false);

    expect((await person.post("/setup/made")).headers.get("location")).toBe("/setup");
    expect(desk.kept()?.appId).toBe(desk.github.world.app.id);
  });

  test("when the file cannot be written, and the key is not lost as long as Mayfly runs", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    const mend = desk.blockFile();

    const response = await person.get(back);
    const page = await response.clone().text();

    await refusedWith(response, 500, `${desk.file} cannot be written`);
    for (const words of [
      "Write it again",
      "Delete",
      `${desk.github.url}/apps/mayfly-of-octo`,
      "generate a new private key",
    ])
      expect(page).toContain(words);
    expect(page).not.toContain("PRIVATE KEY");
    expect(desk.logged()).toContain("the App's credentials could not be kept");
    expect(desk.logged()).not.toContain("PRIVATE KEY");
    mend();

    expect((await person.post("/setup/made")).headers.get("location")).toBe("/setup");
    expect(desk.kept()?.privateKey).toBe(desk.github.world.app.privateKey);
  });

  test("before it, when the file could not be written: then no App is made", async () => {
    const person = await comeIn(desk);
    const mend = desk.blockFile();
    await choose(person);

    const page = await person.text("/setup/app");
    mend();

    expect(page).toContain(`${desk.file} cannot be written`);
    expect(page).not.toContain("manifest");
    expect(await person.text("/setup/app")).toContain("manifest");
  });
});

describe("the step after it", () => {
  test("shows where the App is installed, and what is to be added to mayfly.yml", async () => {
    const person = await makeApp(desk);
    const before = await person.text("/setup/install");
    for (const repo of desk.github.world.repos.values()) install(desk.github.world, repo);

    const after = await person.text("/setup/install");

    expect(before).toMatch(/octo\/spinw <span class="badge waiting">not yet/);
    expect(before).toContain(`href="${desk.github.url}/apps/mayfly-of-octo/installations/new"`);
    expect(before).toContain("Go on without");
    expect(after).toMatch(/octo\/spinw <span class="badge good">installed/);
    expect(after).toContain("  - name: octo/other\n    images: [linux]");
    expect(after).not.toContain("Go on without");
  });

  test("says so when GitHub does not answer, and asks again", async () => {
    const person = await makeApp(desk);
    desk.goDown(true);
    const page = await person.text("/setup/install");
    desk.goDown(false);

    expect(page).toContain("GitHub did not say where the App is installed");
    expect(await person.text("/setup/install")).toContain("not yet");
  });

  test("shows by itself that the App was installed", async () => {
    const person = await makeApp(desk);
    const stream = (await person.get("/setup/install/live")).body
      ?.pipeThrough(new TextDecoderStream())
      .getReader();
    const first = await stream?.read();
    install(desk.github.world, repoNamed(desk.github.world, "octo/spinw"));

    const next = stream?.read();
    await desk.clock.advance(500);
    await desk.clock.advance(3_000);

    expect(first?.value).toContain("not yet");
    expect((await next)?.value).toContain("installed</span>");
    await stream?.cancel();
  });

  test("is where one comes back to from GitHub's installation", async () => {
    const person = await makeApp(desk);

    expect(
      (await person.get("/settings?installation_id=1&setup_action=install")).headers.get("location"),
    ).toBe("/setup/install");
  });
});

describe("the last step", () => {
  test("has a line to paste for each image, which leads to it", async () => {
    const page = await (await makeApp(desk)).text("/setup/job");

    expect(page).toContain("runs-on: [self-hosted, linux, x64, spinw-linux]");
    expect(page).toContain("runs-on: [self-hosted, &quot;true&quot;, &quot;spinw: matlab&quot;]");
    expect(page).toContain("on: workflow_dispatch");
  });

  test("has no line for an image that another one with the same labels stands before", async () => {
    const images = [anImage({ name: "linux" }), anImage({ name: "twin" })];
    const repositories = [aRepository({ images: ["linux", "twin"] })];
    await restart({ catalogue: { controller: "t1", hosts: [], images, repositories } });

    const page = await (await makeApp(desk)).text("/setup/job");

    expect(page).toContain("<strong>linux</strong>");
    expect(page).not.toContain("twin");
  });

  test.each([
    [true, "Start Mayfly", "Mayfly is starting"],
    [false, "Finish", "All is set up"],
  ])(
    "ends the wizard, after which everybody is told so (Mayfly runs next: %s)",
    async (runsNext, button, words) => {
      await restart({ runsNext });
      const person = await makeApp(desk);
      expect(await person.text("/setup/job")).toContain(button);

      const done = await person.post("/setup/done");

      expect(await done.text()).toContain(words);
      expect(desk.doneCount()).toBe(1);
      const stranger = await desk.browser().get("/");
      expect(stranger.headers.get("refresh")).toBe(runsNext ? "2; url=/" : null);
      expect(await stranger.text()).toContain(words);
      expect((await person.post("/webhook")).status).toBe(503);
    },
  );

  test("ends what a forgotten page of the step before goes on asking GitHub", async () => {
    const asked: string[] = [];
    await restart({
      installed: async ({ slug }) => {
        asked.push(slug);
        return [];
      },
    });
    const person = await makeApp(desk);
    const stream = (await person.get("/setup/install/live")).body?.getReader();
    await stream?.read();
    expect(asked).toHaveLength(1);
    await person.post("/setup/done");

    const next = stream?.read();
    await desk.clock.advance(500);
    await desk.clock.advance(3_000);

    expect(await next).toMatchObject({ done: true });
    expect(asked).toHaveLength(1);
  });

  test("cannot be reached without an App", async () => {
    const person = await comeIn(desk);

    expect((await person.get("/setup/job")).headers.get("location")).toBe("/setup/where");
    expect((await person.post("/setup/done")).headers.get("location")).toBe("/setup/where");
    expect(desk.doneCount()).toBe(0);
  });
});
