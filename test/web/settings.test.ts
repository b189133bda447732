import { afterEach, describe, expect, test } from "vitest";
import { readRepositoryFile } from "../../src/config/repository-file.ts";
import type { Fact } from "../../src/core/facts.ts";
import type { Settings } from "../../src/core/settings.ts";
import { anImage, hours, minutes, NOW } from "../support/build.ts";
import { type Desk, type DeskOptions, startDesk } from "./desk.ts";

let desk: Desk;

afterEach(() => desk.close());

const PAGE = "/settings/octo/spinw";
const SHA = "c0ffee0".padEnd(40, "0");
const EVIL = "</textarea><script>alert(1)</script>";
/** Two images of which one may be kept hot, for a repository with a limit. */
const TWO: DeskOptions = {
  operators: [],
  images: [
    anImage(),
    anImage({ name: "tools", labels: ["self-hosted", "our-tools"], hosts: ["lab1", "lab2"] }),
  ],
  repository: { images: ["plain", "tools"], machines: 8, mostHot: { plain: 2 }, forks: undefined },
};

/** A browser in which that person has signed in; `mona` and `lisa` administer octo/spinw, and nothing else. */
async function signedIn(login: string, options: DeskOptions = {}) {
  desk = await startDesk({ ...TWO, ...options });
  for (const admin of ["mona", "lisa"]) desk.github.addCollaborator("octo/spinw", admin, "admin");
  return browserOf(login);
}

async function browserOf(login: string) {
  const browser = desk.browser();
  await browser.signIn(login);
  return browser;
}

type Browser = Awaited<ReturnType<typeof browserOf>>;

/** What the form sends if nothing is typed. */
const EMPTY = {
  version: "0",
  "labels-plain": "",
  "hot-plain": "",
  "labels-tools": "",
  machines: "",
  forks: "",
};

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `label-${index}`).join(" ");

const send = (browser: Browser, typed: Record<string, string>, headers?: Record<string, string>) =>
  browser.post(PAGE, headers, new URLSearchParams({ ...EMPTY, ...typed }).toString());

const saved = (): Settings | undefined => desk.store.state.settings.get("octo/spinw")?.page?.settings;

const savedBy = (by: string, settings: Settings, version = 1): Fact => ({
  kind: "settings-saved",
  at: NOW - minutes(3),
  repo: "octo/spinw",
  settings,
  version,
  by,
});
const fileSaid = (more: Partial<Extract<Fact, { kind: "settings-file" }>>): Fact => ({
  kind: "settings-file",
  at: NOW - minutes(2),
  repo: "octo/spinw",
  sha: SHA,
  ...more,
});

describe("the list of settings", () => {
  test("leads to the only repository that somebody administers, also from GitHub's page of the App", async () => {
    const browser = await signedIn("mona");

    for (const path of ["/settings", "/settings?installation_id=7&setup_action=install"])
      expect((await browser.get(path)).headers.get("location")).toBe(PAGE);
  });

  test("has all of them, with what is in force and where it is from", async () => {
    const facts = [
      savedBy("mona", { paused: true }),
      fileSaid({ repo: "octo/secret", settings: { machines: 1 } }),
    ];
    const browser = await signedIn("mona", { facts });
    desk.github.addCollaborator("octo/secret", "mona", "admin");
    await browser.signIn("mona");

    const page = await browser.text("/settings");

    expect(page).toContain('<a href="/settings/octo/spinw">octo/spinw</a>');
    expect(page).toContain("what was set here");
    expect(page).toContain(`href="${desk.github.url}/octo/secret/blob/HEAD/.github/mayfly.yml"`);
    expect(page).toContain("paused");
  });

  test("has one that somebody was given after they signed in, when they come from GitHub's page of the App", async () => {
    const browser = await signedIn("hubot");
    desk.github.addCollaborator("octo/secret", "hubot", "admin");

    const fresh = await browser.get("/settings?installation_id=7&setup_action=install");

    expect(fresh.headers.get("location")).toBe("/settings/octo/secret");
  });

  test("says so to somebody who administers none", async () => {
    const browser = await signedIn("hubot");

    const response = await browser.get("/settings");

    expect(response.status).toBe(404);
    const page = await response.text();
    expect(page).toContain("You administer none of the repositories");
    expect(page).not.toContain("octo/");
  });

  test("leads to signing in, and back", async () => {
    await signedIn("mona");
    const browser = desk.browser();

    const sent = (await browser.get(PAGE)).headers.get("location") ?? "";
    const page = await browser.text(sent);
    const back = await browser.get(await browser.askGitHub("mona", { to: PAGE }));

    expect(page).toContain("/sign-in/github?to=%2Fsettings%2Focto%2Fspinw");
    expect(back.headers.get("location")).toBe(PAGE);
  });

  test("says so when GitHub does not answer", async () => {
    const browser = await signedIn("mona");
    desk.goDown();

    const response = await browser.get("/settings");

    expect(response.status).toBe(502);
    expect(await response.text()).toContain("GitHub could not be asked about octo/spinw");
  });
});

describe("the settings of a repository", () => {
  test("are as the operator says as long as nothing is set, and say how far one may go", async () => {
    const page = await (await signedIn("mona")).text(PAGE);

    expect(page).toContain("Nothing is set here yet, so all is as the operator says.");
    expect(page).toContain("Its labels: <code>self-hosted</code> <code>our-plain</code>");
    expect(page).toContain("0 to 2. Empty: 0, as the operator says.");
    expect(page).toContain("1 to 8. Empty: 8, as the operator says.");
    expect(page).toContain("No machines of it can be kept hot here");
  });

  test("are saved, in force, and in the history with who and when", async () => {
    const browser = await signedIn("mona");

    const done = await send(browser, {
      "labels-plain": "Docs, our-docs\n docs",
      "hot-plain": "1",
      machines: "3",
      forks: "approve",
      paused: "yes",
    });

    expect(done.status).toBe(303);
    expect(saved()).toEqual({
      images: { plain: { labels: ["Docs", "our-docs"], hot: 1 } },
      machines: 3,
      forks: "approve",
      paused: true,
    });
    const page = await browser.text(done.headers.get("location") ?? "");
    expect(page).toContain("Saved.");
    expect(page).toContain("Set on this page by mona");
    expect(page).toContain(
      "<strong>mona</strong>: labels of plain: none → Docs, our-docs; hot for plain: as the operator says → 1;",
    );
    expect(page).toContain("orders: not paused → paused");
    expect(await browser.text(PAGE)).not.toContain("Saved.");
  });

  test("are told as the file would say them, which means the same when it is read", async () => {
    const settings: Settings = {
      images: { plain: { labels: ["true", "docs:", "# x"], hot: 1 } },
      machines: 3,
      forks: "approve",
      paused: true,
    };
    const page = await (await signedIn("mona", { facts: [savedBy("mona", settings)] })).text(PAGE);

    const text = /<pre[^>]*><code>([^<]*)<\/code>/.exec(page)?.[1]?.replaceAll("&quot;", '"') ?? "";

    const read = readRepositoryFile(text.length, Buffer.from(text));
    expect(read).toMatchObject({ file: settings, faults: [] });
  });

  test("keep what somebody else set when nothing is typed", async () => {
    const settings: Settings = { images: { tools: { labels: ["a-tool"] } }, machines: 2 };
    const browser = await signedIn("mona", { facts: [savedBy("lisa", settings)] });

    const page = await browser.text(PAGE);
    await send(browser, { version: "1", "labels-tools": "a-tool", machines: "2" });

    expect(page).toContain(">\na-tool</textarea>");
    expect(saved()).toEqual(settings);
    expect(await browser.text(PAGE)).toContain("<strong>mona</strong>: nothing else in force than before");
  });

  test("are shown to an operator who does not administer it, who cannot save them", async () => {
    const browser = await signedIn("hubot", {
      operators: ["hubot"],
      facts: [savedBy("mona", { machines: 2 })],
    });

    const page = await browser.text(PAGE);
    const answer = await send(browser, { version: "1" });

    expect(page).toContain("You do not administer it, so you can only look.");
    expect(page).not.toContain('<form class="settings" method="post"');
    expect(answer.status).toBe(403);
    expect(saved()).toEqual({ machines: 2 });
  });

  test("are no concern of somebody who may only read it", async () => {
    const browser = await signedIn("mona");
    desk.github.addCollaborator("octo/spinw", "hubot", "read");
    const reader = await browserOf("hubot");

    const response = await reader.get(PAGE);

    expect(response.status).toBe(403);
    expect(await response.text()).toContain("you are no administrator of this repository");
    expect((await browser.get(PAGE)).status).toBe(200);
  });

  test.each(["/settings/octo/gone", "/settings/octo/secret", "/settings/octo", "/settings/octo/spinw/x"])(
    "%s are told to be none, whether they are there or not",
    async (path) => {
      const browser = await signedIn("mona");

      const [shown, sent] = [await browser.get(path), await browser.post(path)];

      expect([shown.status, sent.status]).toEqual([404, 404]);
    },
  );

  test("are the same under another spelling of its name", async () => {
    const browser = await signedIn("mona");

    expect(await browser.text("/settings/Octo/SpinW")).toContain("<h1>octo/spinw</h1>");
  });
});

describe("what cannot be saved", () => {
  test.each([
    ["machines", { machines: "many" }, "&quot;many&quot; is no whole number"],
    ["machines", { machines: "1e3" }, "is no whole number"],
    ["machines", { machines: "-1" }, "is no whole number"],
    ["machines", { machines: "0" }, "must be a whole number from 1 to 8"],
    ["machines", { machines: "9" }, "must be a whole number from 1 to 8"],
    ["hot-plain", { "hot-plain": "3" }, "must be a whole number from 0 to 2"],
    ["labels-plain", { "labels-plain": "linux" }, "says what any runner may be"],
    ["labels-plain", { "labels-plain": numbered(101) }, "100 are the most"],
    ["forks", { forks: "sometimes" }, "Choose one of these."],
  ])(
    "is told beside its field and above the form (%s: %j), and nothing typed is lost",
    async (field, typed, words) => {
      const browser = await signedIn("mona");

      const response = await send(browser, { "labels-tools": "kept-label", ...typed });

      expect(response.status).toBe(400);
      const page = await response.text();
      expect(page).toContain("Nothing was saved");
      expect(page).toMatch(new RegExp(`<a href="#${field}">[^<]*${words}`));
      expect(page).toMatch(new RegExp(`id="${field}-fault"><p>[^<]*${words}`));
      expect(page).toContain(`id="${field}"`);
      expect(page).toContain("kept-label</textarea>");
      expect(saved()).toBeUndefined();
    },
  );

  test("is a rule for forks that is looser than the operator's, which is not even offered", async () => {
    const browser = await signedIn("mona", { repository: { ...TWO.repository, forks: "approve" } });

    const page = await browser.text(PAGE);
    const response = await send(browser, { forks: "allow" });

    expect(page).toContain("As the operator says: they wait for approval.");
    expect(page).not.toContain('value="allow"');
    expect(response.status).toBe(400);
    expect(saved()).toBeUndefined();
  });

  test.each(["version", "labels-plain", "machines", "forks"])(
    "is a form without the field %s, which takes nothing away",
    async (field) => {
      const settings: Settings = { images: { plain: { labels: ["docs"] } }, machines: 2 };
      const browser = await signedIn("mona", { facts: [savedBy("mona", settings)] });
      const { [field as keyof typeof EMPTY]: _, ...rest } = { ...EMPTY, version: "1" };

      const response = await browser.post(PAGE, undefined, new URLSearchParams(rest).toString());

      // NB: without a version nobody knows what its sender had seen.
      expect(response.status).toBe(field === "version" ? 409 : 400);
      expect(saved()).toEqual(settings);
    },
  );

  test.each<[string, Record<string, string>, boolean]>([
    ["it has a fault", { machines: "three" }, false],
    ["GitHub does not answer", { machines: "3" }, true],
  ])(
    "is shown what another admin saved meanwhile before it overwrites that, also if %s",
    async (_, typed, isDown) => {
      const mine = await signedIn("mona");
      const theirs = await browserOf("lisa");
      await mine.text(PAGE);
      await send(theirs, { "labels-plain": "theirs" });
      if (isDown) desk.goDown();

      const page = await (await send(mine, typed)).text();

      expect(page).toContain("lisa saved other settings");
      expect(page).toContain("Save mine instead");
      expect(saved()).toEqual({ images: { plain: { labels: ["theirs"] } } });
    },
  );

  test("is what another admin saved meanwhile has changed, until it is saved on purpose", async () => {
    const mine = await signedIn("mona");
    const theirs = await browserOf("lisa");
    await send(theirs, { machines: "2", "labels-plain": "theirs" });

    const response = await send(mine, { machines: "3", "labels-plain": "theirs" });

    expect(response.status).toBe(409);
    const page = await response.text();
    expect(page).toContain("lisa saved other settings");
    expect(page).toMatch(/<td[^>]*>most machines<\/td>\s*<td[^>]*>2<\/td>\s*<td[^>]*>3<\/td>/);
    expect(page).not.toContain("labels of plain</td>");
    expect(page).toContain('name="version" value="1"');
    expect(saved()?.machines).toBe(2);
    expect((await send(mine, { version: "1", machines: "3" })).status).toBe(303);
    expect(saved()).toEqual({ machines: 3 });
  });

  test("is what two admins send at the very same time, but for one", async () => {
    const [mine, theirs] = [await signedIn("mona"), await browserOf("lisa")];

    const answers = await Promise.all([send(mine, { machines: "3" }), send(theirs, { machines: "2" })]);

    expect(answers.map(({ status }) => status).sort()).toEqual([303, 409]);
    expect(desk.store.state.settings.get("octo/spinw")?.page?.version).toBe(1);
  });

  test("is anything of somebody who lost the right after the page was made", async () => {
    const browser = await signedIn("mona");
    expect(await browser.text(PAGE)).toContain("Save");
    desk.github.addCollaborator("octo/spinw", "mona", "write");

    const response = await send(browser, { machines: "3" });

    expect(response.status).toBe(403);
    expect(await response.text()).toContain("not any more. Nothing was saved.");
    expect(saved()).toBeUndefined();
  });

  test("is anything while GitHub does not answer, and what was typed is still there", async () => {
    const browser = await signedIn("mona");
    await browser.get(PAGE);
    desk.goDown();

    const response = await send(browser, { machines: "3", "labels-plain": "typed-label" });

    expect(response.status).toBe(502);
    const page = await response.text();
    expect(page).toContain("GitHub could not be asked whether you administer this repository");
    expect(page).toContain("typed-label</textarea>");
    expect(saved()).toBeUndefined();
  });

  test("is anything after the sign-in has ended, which leads to a new one and back", async () => {
    const browser = await signedIn("mona");
    await desk.clock.advance(hours(8));

    const response = await send(browser, { machines: "3" });

    expect(response.status).toBe(303);
    const page = await browser.text(response.headers.get("location") ?? "");
    expect(page).toContain("Your sign-in had ended, so nothing was saved.");
    expect(page).toContain("/sign-in/github?to=%2Fsettings%2Focto%2Fspinw");
    expect(saved()).toBeUndefined();
  });

  test.each([
    ["of another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }],
    ["that does not say where it is from", {}],
  ])("is a form %s", async (_, headers: Record<string, string>) => {
    const browser = await signedIn("mona");

    const response = await send(browser, { machines: "3" }, headers);

    expect(response.status).toBe(403);
    expect(saved()).toBeUndefined();
  });

  test("is a form of a megabyte", async () => {
    const browser = await signedIn("mona");

    const response = await send(browser, { "labels-plain": "a ".repeat(512 * 1024) });

    expect(response.status).toBe(413);
    expect(saved()).toBeUndefined();
  });

  test("is anything while the file is there, which is linked, with its faults and their lines", async () => {
    const browser = await signedIn("mona", {
      facts: [
        fileSaid({ settings: { machines: 2 } }),
        fileSaid({ sha: "d".repeat(40), faults: [{ line: 4, text: "hot must be <b>less</b>." }] }),
      ],
    });

    const page = await browser.text(PAGE);
    const response = await send(browser, { machines: "3" });

    const file = `${desk.github.url}/octo/spinw/blob/HEAD/.github/mayfly.yml`;
    expect(page).toContain(
      `<a href="${file}#L4" rel="noreferrer">Line 4</a>: hot must be &lt;b&gt;less&lt;/b&gt;.`,
    );
    expect(page).toContain("What it said before it had faults is in force still.");
    expect(page).not.toContain("says what is in force");
    expect(page).not.toContain('method="post" action="/settings');
    expect(page).toMatch(/<dt>Most machines<\/dt>\s*<dd>2<\/dd>/);
    expect(response.status).toBe(409);
    expect(await response.text()).toContain("are in its file .github/mayfly.yml");
    expect(saved()).toBeUndefined();
  });
});

describe("a label with markup", () => {
  test("is text wherever it is shown", async () => {
    const browser = await signedIn("mona");

    const done = await send(browser, { "labels-plain": EVIL });
    const page = await browser.text(done.headers.get("location") ?? "");
    const tried = await browser.text(`${PAGE}?runs-on=${encodeURIComponent(EVIL)}`);
    const refused = await (
      await send(browser, { version: "1", "labels-plain": EVIL, machines: EVIL })
    ).text();

    expect(done.status).toBe(303);
    for (const one of [page, tried, refused]) {
      expect(one).not.toContain("<script>");
      expect(one).toContain("&lt;script&gt;");
    }
  });
});

describe("a line that is tried", () => {
  const tryIt = async (runsOn: string, facts: readonly Fact[] = []) => {
    const browser = await signedIn("mona", { facts });
    return browser.text(`${PAGE}?runs-on=${encodeURIComponent(runsOn)}`);
  };

  test("gets the image whose label was given to it here, on its hosts in their order", async () => {
    const page = await tryIt("[self-hosted, docs]", [
      savedBy("mona", { images: { tools: { labels: ["docs"] } } }),
    ]);

    expect(page).toContain("It gets the image tools.");
    expect(page).toContain("the first of lab1, lab2 that has room");
    expect(page).toContain(">\n[self-hosted, docs]</textarea>");
  });

  test("is told the label that was perhaps meant", async () => {
    expect(await tryIt("our-plane")).toContain("No image has the label our-plane; the nearest is our-plain.");
  });

  test.each([
    ["[self-hosted, linux]", "It asks for general labels only"],
    ["$" + "{{ matrix.on }}", "An expression is worked out by GitHub"],
    ["{ group: big }", "names a group"],
    ["[a, [b", "cannot be read as YAML"],
    ["[&a x, *a]", "It gets no image."],
    ["", "Write what stands behind runs-on:"],
  ])("is told why it gets none: %s", async (line, words) => {
    expect(await tryIt(line)).toContain(words);
  });
});

describe("the history", () => {
  test("tells what came by the file, with its commit, and what is in force when it is gone", async () => {
    const browser = await signedIn("mona", {
      facts: [
        savedBy("lisa", { machines: 3 }),
        fileSaid({ settings: { machines: 5 } }),
        fileSaid({ sha: "d".repeat(40), faults: [{ line: 1, text: "x" }] }),
        fileSaid({ sha: "e".repeat(40) }),
      ],
    });

    const page = (await browser.text(PAGE)).replaceAll(/<(?!\/li)[^>]+>/g, "");

    expect(page).toContain("lisa: most machines: as the operator says → 3");
    expect(page).toContain(".github/mayfly.yml by c0ffee0: most machines: 3 → 5");
    expect(page).toContain(".github/mayfly.yml has a fault since ddddddd: nothing else in force than before");
    expect(page).toContain(".github/mayfly.yml is gone since eeeeeee: most machines: 5 → 3");
    expect(page.indexOf("is gone")).toBeLessThan(page.indexOf("lisa:"));
  });
});
