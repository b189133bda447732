import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { readRunsOn, tryRunsOn } from "../../src/control/runs-on.ts";
import { saveSettings } from "../../src/control/settings.ts";
import type { Fact } from "../../src/core/facts.ts";
import type { Settings } from "../../src/core/settings.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { aCatalogue, anImage, aRepository, aWorld, NOW, REPO } from "../support/build.ts";
import { savedSettings } from "../support/facts.ts";

// biome-ignore lint/suspicious/noTemplateCurlyInString: that is how GitHub writes expressions
const EXPRESSION = "${{ matrix.os }}";
const FILE: Fact = { kind: "settings-file", at: NOW, repo: REPO, sha: "a1", settings: { machines: 2 } };

async function desk(...facts: Fact[]) {
  const store = memoryStore();
  await store.record(facts);
  let rings = 0;
  const parts = {
    store,
    world: () => ({
      ...aWorld({ catalogue: { repositories: [aRepository({ machines: 9 })] } }),
      state: store.state,
    }),
    ring: () => {
      rings += 1;
    },
    clock: { now: () => NOW, until: async () => {} },
    log: pino({ level: "silent" }),
  };
  const save = (settings: Settings, basedOn = 0, repo = REPO, by = "mona") =>
    saveSettings({ repo, settings, basedOn, by }, parts);
  return { store, save, rings: () => rings };
}

describe("settings that are saved", () => {
  test("are in force at once, under the catalogue's spelling of the name", async () => {
    const { store, save, rings } = await desk();

    const told = await save({ machines: 3 }, 0, "Octo/SpinW");

    expect(told).toEqual({ status: 200, sentence: `The settings of ${REPO} are saved, and in force.` });
    expect(store.state.settings.get(REPO)?.page).toEqual({
      settings: { machines: 3 },
      version: 1,
      at: NOW,
      by: "mona",
    });
    expect(rings()).toBe(1);
  });

  test("are refused to the second of two who began with the same ones", async () => {
    const { store, save } = await desk(savedSettings({ machines: 1 }));

    const told = await save({ machines: 3 }, 0);

    expect(told).toMatchObject({
      status: 409,
      sentence: expect.stringContaining("Somebody else has changed"),
    });
    expect(store.state.settings.get(REPO)?.page?.settings).toEqual({ machines: 1 });
  });

  test("are refused to one of two who save at the same moment", async () => {
    const { store, save } = await desk();

    const told = await Promise.all([save({ machines: 3 }), save({ machines: 3 }, 0, REPO, "hubot")]);

    expect(told.map(({ status }) => status)).toEqual([200, 409]);
    expect(store.state.settings.get(REPO)?.page?.by).toBe("mona");
  });

  test.each<[string, Settings, string, Fact[], number, string]>([
    ["the file has them", {}, REPO, [FILE], 409, "are in its file .github/mayfly.yml"],
    ["the operator does not allow them", { machines: 10 }, REPO, [], 409, "from 1 to 9"],
    ["the repository is not served", {}, "octo/spinv", [], 404, "Perhaps octo/spinw was meant"],
  ])("are refused if %s", async (_, settings, repo, facts, status, words) => {
    const { store, save, rings } = await desk(...facts);

    expect(await save(settings, 0, repo)).toMatchObject({ status, sentence: expect.stringContaining(words) });
    expect(store.state.settings.get(REPO)?.page).toBeUndefined();
    expect(rings()).toBe(0);
  });
});

describe("what stands behind runs-on", () => {
  test.each<[string, string[]]>([
    ["our-plain", ["our-plain"]],
    ["runs-on: our-plain", ["our-plain"]],
    ["[self-hosted, our-plain]", ["self-hosted", "our-plain"]],
    ["- self-hosted\n- our-plain", ["self-hosted", "our-plain"]],
    ["runs-on:\n  - self-hosted\n  - our-plain", ["self-hosted", "our-plain"]],
    ['["self-hosted", "our-plain"]', ["self-hosted", "our-plain"]],
    [`\${{ fromJSON('["self-hosted", "it''s"]') }}`, ["self-hosted", "it's"]],
    ["{ labels: [our-plain, 2026] }", ["our-plain", "2026"]],
    ["runs-on:\n  labels: our-plain", ["our-plain"]],
  ])("%j is read as labels", (text, labels) => {
    expect(readRunsOn(text)).toEqual({ labels });
  });

  test.each([
    ["", "Write what stands behind runs-on:"],
    ["runs-on:", "Write what stands behind runs-on:"],
    [EXPRESSION, "Write what it comes to"],
    [`[self-hosted, "${EXPRESSION}"]`, "Write what it comes to"],
    ["{ group: big }", "are in no group"],
    ["[a, [b]]", "neither a label nor a list"],
    ["[]", "neither a label nor a list"],
    ["{ os: linux }", "neither a label nor a list"],
    ["[a", "cannot be read as YAML"],
    ["[".repeat(4500), "cannot be read as YAML"],
    ["{ labels: &a [*a] }", "in place of aliases"],
  ])("%j leads nowhere, and says why", (text, words) => {
    expect(readRunsOn(text)).toEqual({ sentence: expect.stringContaining(words) });
  });
});

describe("to try a runs-on", () => {
  const catalogue = aCatalogue({
    images: [anImage(), anImage({ name: "big", labels: ["self-hosted", "our-plain", "gpu"] })],
    repositories: [aRepository({ images: ["plain", "big"], labels: { big: ["r2026"] } })],
  });

  test("tells the image, and which others would do", () => {
    const tried = tryRunsOn("[self-hosted, our-plain]", REPO, catalogue);

    expect(tried).toMatchObject({ image: { name: "plain" }, others: [{ name: "big" }] });
    expect(tried.sentences.join()).toContain("lead to the image plain");
  });

  test("knows the labels of the repository's own", () => {
    expect(tryRunsOn("R2026", REPO, catalogue)).toMatchObject({ image: { name: "big" }, others: [] });
  });

  test.each([
    ["our-plian", "No image has the label our-plian; the nearest is our-plain."],
    ["[self-hosted]", "general labels only"],
    [EXPRESSION, "Write what it comes to"],
  ])("says of %j why there is none", (text, words) => {
    const { image, others, sentences } = tryRunsOn(text, REPO, catalogue);

    expect(sentences.join()).toContain(words);
    expect([image, others]).toEqual([undefined, []]);
  });
});
