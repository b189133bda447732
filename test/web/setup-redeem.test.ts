import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CHANNEL, choose, comeIn, makeAtGitHub, type SetupDesk, startSetupDesk } from "./setup-desk.ts";

/** The set-up wizard, while the App's key is fetched and kept. */

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

/** GitHub's answer to the code is held back. `asked`: it was asked. */
async function holdRedeem() {
  const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const beforeRedeem = () => {
    asked.resolve();
    return held.promise;
  };
  await restart({ beforeRedeem });
  return { asked: asked.promise, letGo: held.resolve };
}

describe("while GitHub's answer is dealt with", () => {
  test("no page offers to make another, and who asks again waits for the same", async () => {
    const asked = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let calls = 0;
    await restart({
      beforeRedeem: async () => {
        calls += 1;
        asked.resolve();
        await goOn.promise;
      },
    });
    const person = await comeIn(desk);
    await choose(person);
    const first = person.get(await makeAtGitHub(person));
    await asked.promise;

    const again = person.post("/setup/made");
    const places = await Promise.all(
      ["/setup", "/setup/app", "/setup/where"].map((path) => person.get(path)),
    );
    goOn.resolve();

    expect(places.map(({ headers }) => headers.get("location"))).toEqual(Array(3).fill("/setup/made"));
    const ends = await Promise.all([first, again]);
    expect(ends.map(({ headers }) => headers.get("location"))).toEqual(["/setup", "/setup"]);
    expect(calls).toBe(1);
    expect(desk.kept()?.appId).toBe(desk.github.world.app.id);
  });

  test("the form of the first step changes nothing any more", async () => {
    const { asked, letGo } = await holdRedeem();
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    const first = person.get(back);
    await asked;

    await choose(person, { way: "relay", relay: CHANNEL });
    letGo();
    await first;

    expect(desk.kept()).toMatchObject({ appId: desk.github.world.app.id });
    expect(desk.kept()?.relayUrl).toBeUndefined();
  });

  test("whoever loads it again or clicks again waits for the same answer", async () => {
    const { asked, letGo } = await holdRedeem();
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    const first = person.get(back);
    await asked;

    const others = [person.get(back), person.get("/setup/made"), person.post("/setup/made")];
    letGo();

    for (const response of await Promise.all([first, ...others]))
      expect(response.headers.get("location")).toBe("/setup");
    expect(desk.logged().split("the GitHub App is made")).toHaveLength(2);
  });

  test("two clicks write the file once", async () => {
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    const mend = desk.blockFile();
    await person.get(back);
    mend();

    const both = await Promise.all([person.post("/setup/made"), person.post("/setup/made")]);

    for (const response of both) expect(response.headers.get("location")).toBe("/setup");
    expect(desk.logged().split("credentials are kept")).toHaveLength(2);
    expect(desk.kept()?.privateKey).toBe(desk.github.world.app.privateKey);
  });

  test("a page that was asked for before it came offers no second App either", async () => {
    const [tried, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let tries = 0;
    const tryFile = async () => {
      tries += 1;
      if (tries === 1) return;
      tried.resolve();
      await held.promise;
    };
    await restart({ tryFile });
    const person = await comeIn(desk);
    await choose(person);
    const back = await makeAtGitHub(person);
    const page = person.get("/setup/app");
    await tried.promise;

    await person.get(back);
    held.resolve();

    expect((await page).headers.get("location")).toBe("/setup/install");
  });
});
