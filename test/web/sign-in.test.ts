import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { issuedSecrets } from "../rig/github/world.ts";
import { hours, minutes } from "../support/build.ts";
import { type Desk, type DeskOptions, startDesk } from "./desk.ts";

let desk: Desk;

beforeEach(async () => {
  desk = await startDesk();
});
afterEach(() => desk.close());

async function restart(options: DeskOptions): Promise<void> {
  await desk.close();
  desk = await startDesk(options);
}

describe("somebody who has not signed in", () => {
  test.each(["/", "/jobs/1", "/machines/x", "/nothing", "/assets/x"])(
    "is led from %s to the sign-in page",
    async (path) => {
      const response = await desk.browser().get(path);

      expect(response.status).toBe(302);
      expect(response.headers.get("location")).toMatch(/^\/sign-in/);
    },
  );

  test("is told nothing of what there is", async () => {
    const page = await desk.browser().text("/sign-in");

    expect(page).toContain("Sign in with GitHub");
    expect(page).not.toContain("octo");
  });

  test("gets no live page", async () => {
    expect((await desk.browser().get("/live")).status).toBe(401);
  });

  test("can do nothing", async () => {
    const response = await desk.browser().post("/hosts/lab1/drain");

    expect(response.headers.get("location")).toBe("/sign-in");
    expect(desk.store.state.drained.size).toBe(0);
  });

  test("is told what is missing where nobody can sign in", async () => {
    await restart({ isSignInSet: false });
    const browser = desk.browser();

    const page = await browser.text("/sign-in");
    const tried = await browser.get("/sign-in/github");

    expect(page).toContain("Set CLIENT_ID and CLIENT_SECRET");
    expect(page).toContain("Set web.url in mayfly.yml");
    expect(tried.headers.get("location")).toBe("/sign-in");
  });
});

describe("a sign-in", () => {
  test("leads back to the page that was asked for", async () => {
    const browser = desk.browser();
    const sent = (await browser.get("/jobs/42")).headers.get("location") ?? "";
    expect(await browser.text(sent)).toContain("/sign-in/github?to=%2Fjobs%2F42");

    const done = await browser.get(await browser.askGitHub("octocat", { to: "/jobs/42" }));

    expect(done.status).toBe(303);
    expect(done.headers.get("location")).toBe("/jobs/42");
    expect(await browser.text("/")).toContain("octocat");
  });

  test.each(["https://evil.example", "//evil.example", "/sign-out", "/jobs/1\r\nx: y", "/jobs/../x"])(
    "never leads to %j",
    async (to) => {
      const browser = desk.browser();

      const done = await browser.get(await browser.askGitHub("octocat", { to }));

      expect(done.headers.get("location")).toBe("/");
    },
  );

  test("leaves a cookie that no script and no other site can use, for eight hours", async () => {
    const done = await desk.browser().signIn("octocat");

    const cookie = done.headers.getSetCookie().find((line) => line.startsWith("__Host-mayfly="));
    expect(cookie).toContain("; Max-Age=28800; Path=/; HttpOnly; Secure; SameSite=Lax");
  });

  test("is over after eight hours, whatever the browser says", async () => {
    const browser = desk.browser();
    await browser.signIn("octocat");

    await desk.clock.advance(hours(8));

    expect((await browser.get("/")).status).toBe(302);
  });

  test("cannot be had with a cookie that was changed", async () => {
    const browser = desk.browser();
    await browser.signIn("mona");
    const signed = browser.cookies.get("__Host-mayfly") ?? "";

    browser.cookies.set("__Host-mayfly", signed.replace("mona", "octocat"));

    expect(signed).toContain("mona");
    expect((await browser.get("/")).status).toBe(302);
  });

  test("cannot be had with the cookie of a sign-in that is under way", async () => {
    const browser = desk.browser();
    await browser.get("/sign-in/github");

    browser.cookies.set("__Host-mayfly", browser.cookies.get("__Host-mayfly-sign-in") ?? "");

    expect((await browser.get("/")).status).toBe(302);
  });

  test("ends when one signs out", async () => {
    const browser = desk.browser();
    await browser.signIn("octocat");

    const out = await browser.post("/sign-out");

    expect(await out.text()).toContain("Signed out");
    expect((await browser.get("/")).status).toBe(302);
  });

  test("leaves nothing secret in the log", async () => {
    const browser = desk.browser();
    const callback = await browser.askGitHub("octocat");
    await browser.get(callback);

    expect(desk.logged()).toContain("signed in");
    for (const secret of [...issuedSecrets, callback]) expect(desk.logged()).not.toContain(secret);
  });
});

describe("a sign-in that goes wrong is told", () => {
  const refusedWith = async (response: Response, status: number, words: string) => {
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(words);
  };

  test("when its state is another one", async () => {
    const browser = desk.browser();
    const callback = await browser.askGitHub("octocat");

    const response = await browser.get(callback.replace(/state=[^&]+/, "state=other"));

    await refusedWith(response, 400, "This is another sign-in");
    expect((await browser.get("/")).status).toBe(302);
  });

  test("when it was begun in another browser", async () => {
    const callback = await desk.browser().askGitHub("octocat");

    await refusedWith(await desk.browser().get(callback), 400, "not begun in this browser");
  });

  test("when its callback is replayed", async () => {
    const browser = desk.browser();
    const callback = await browser.askGitHub("octocat");
    await browser.get(callback);
    await browser.post("/sign-out");

    await refusedWith(await browser.get(callback), 400, "it was used already");
  });

  test("when its callback is replayed with the cookies of that time", async () => {
    const browser = desk.browser();
    const callback = await browser.askGitHub("octocat");
    const cookies = [...browser.cookies];
    await browser.get(callback);
    const thief = desk.browser();
    for (const [name, value] of cookies) thief.cookies.set(name, value);

    await refusedWith(await thief.get(callback), 400, "GitHub did not accept this sign-in");
  });

  test("when it took too long", async () => {
    const browser = desk.browser();
    const callback = await browser.askGitHub("octocat");
    await desk.clock.advance(minutes(10));

    await refusedWith(await browser.get(callback), 400, "took too long");
  });

  test("when the person says no at GitHub", async () => {
    const browser = desk.browser();
    const callback = await browser.askGitHub("octocat", { answer: "cancel" });

    await refusedWith(await browser.get(callback), 403, "you chose not to let Mayfly know");
  });

  test("when GitHub does not answer", async () => {
    const browser = desk.browser();
    const callback = await browser.askGitHub("octocat");
    desk.github.faults.answers.push({ operation: "users/get-authenticated", status: 500 });

    await refusedWith(await browser.get(callback), 502, "GitHub did not answer");
    expect(desk.logged()).toContain("nobody could sign in");
  });
});
