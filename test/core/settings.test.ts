import { describe, expect, test } from "vitest";
import { apply } from "../../src/core/apply.ts";
import { emptyState, type Fact, type State } from "../../src/core/facts.ts";
import { imagesOf, matchLabels } from "../../src/core/labels.ts";
import { plan } from "../../src/core/plan.ts";
import { boundsOf, hasFile, inForce, type Settings, settler } from "../../src/core/settings.ts";
import { settingsFaults } from "../../src/core/settings-faults.ts";
import type { Repository } from "../../src/core/types.ts";
import { aCatalogue, aJob, anImage, aRepository, aWorld, NOW, REPO } from "../support/build.ts";
import { savedSettings } from "../support/facts.ts";

const saved = savedSettings;
const file = (
  sha: string,
  outcome: { settings?: Settings; faults?: { line: number; text: string }[] },
): Fact => ({
  kind: "settings-file",
  at: NOW,
  repo: REPO,
  sha,
  ...outcome,
});
const FAULTS = [{ line: 2, text: "machines must be a whole number." }];

function stateOf(...facts: Fact[]): State {
  const state = emptyState();
  for (const fact of facts) apply(state, fact);
  return state;
}
const forceAfter = (...facts: Fact[]) => inForce(stateOf(...facts).settings, REPO);

const GIVEN = aRepository({ images: ["plain", "matlab"], machines: 10, hot: { plain: 1 }, forks: "approve" });
const CATALOGUE = aCatalogue({
  images: [anImage(), anImage({ name: "matlab", labels: ["self-hosted", "our-matlab"], machines: 2 })],
  repositories: [{ ...GIVEN, mostHot: { plain: 3, matlab: 5 } }],
});

function settled(settings: Settings): Repository {
  const [repository] = settler(CATALOGUE)(stateOf(saved(settings)).settings).repositories;
  return repository ?? GIVEN;
}

describe("what is in force", () => {
  test("is the catalogue, until somebody says otherwise", () => {
    expect(forceAfter()).toEqual({ from: "catalogue", settings: {} });
  });

  test("is what was saved last, whatever is told twice", () => {
    const facts = [saved({ machines: 1 }), saved({ machines: 2 }, 2), saved({ machines: 1 })];

    expect(forceAfter(...facts)).toEqual({ from: "page", settings: { machines: 2 } });
  });

  test("is the first of two that were made from the same version", () => {
    const facts = [saved({ machines: 1 }), saved({ machines: 5 }, 2), saved({ machines: 7 }, 2, "hubot")];

    expect(forceAfter(...facts).settings).toEqual({ machines: 5 });
  });

  test("is the file where there is one, and the page again when it is gone", () => {
    const facts = [saved({ machines: 1 }), file("a", { settings: { machines: 3 } })];

    expect(forceAfter(...facts)).toEqual({ from: "file", settings: { machines: 3 } });
    expect(forceAfter(...facts, file("b", {}))).toEqual({ from: "page", settings: { machines: 1 } });
  });

  test("is the file's last good words while it has faults", () => {
    const facts = [file("a", { settings: { machines: 3 } }), file("b", { faults: FAULTS })];

    const state = stateOf(...facts);

    expect(inForce(state.settings, REPO)).toEqual({ from: "file", settings: { machines: 3 } });
    expect(state.settings.get(REPO)?.file).toMatchObject({ sha: "b", faults: FAULTS });
  });

  test("is what was there before a first file that has faults, which the page cannot overrule", () => {
    const { settings } = stateOf(saved({ machines: 1 }), file("a", { faults: FAULTS }));

    expect(inForce(settings, REPO)).toEqual({ from: "page", settings: { machines: 1 } });
    expect(hasFile(settings, REPO)).toBe(true);
  });

  test("is the same object until something changes, so that nobody works it out for nothing", () => {
    const state = stateOf(saved({ machines: 1 }));
    const settle = settler(CATALOGUE);
    const before = settle(state.settings);

    apply(state, saved({ machines: 1 }));
    expect(settle(state.settings)).toBe(before);

    apply(state, saved({ machines: 2 }, 2));
    expect(settle(state.settings)).not.toBe(before);
  });
});

describe("the catalogue with settings", () => {
  test("lets a job have an image by a label of the repository's own, and others not", () => {
    const catalogue = settler(CATALOGUE)(
      stateOf(saved({ images: { matlab: { labels: ["r2026"] } } })).settings,
    );

    expect(matchLabels(["self-hosted", "R2026"], REPO, catalogue).image?.name).toBe("matlab");
    expect(matchLabels(["r2026"], REPO, CATALOGUE).image).toBeUndefined();
  });

  test("gives a runner no label twice, and no more than GitHub takes", () => {
    const labels = ["Our-Plain", "docs", "DOCS", ...Array.from({ length: 99 }, (_, index) => `l${index}`)];
    const catalogue = settler(CATALOGUE)(stateOf(saved({ images: { plain: { labels } } })).settings);
    const [repository = GIVEN] = catalogue.repositories;

    const [plain] = imagesOf(repository, catalogue);

    expect(plain?.labels.slice(0, 4)).toEqual(["self-hosted", "our-plain", "DOCS", "l0"]);
    expect(plain?.labels).toHaveLength(100);
  });

  test("goes no further than the operator allows, also when that was narrowed later", () => {
    const settings = {
      machines: 50,
      forks: "allow" as const,
      images: { plain: { hot: 9 }, gone: { hot: 1 } },
    };

    expect(settled(settings)).toMatchObject({ machines: 10, forks: "approve", hot: { plain: 3, matlab: 0 } });
    expect(settled(settings).hot).not.toHaveProperty("gone");
  });

  test("leaves what settings do not say as the operator has it", () => {
    expect(settled({})).toMatchObject({ machines: 10, forks: "approve", hot: { plain: 1 } });
  });

  test("remembers how far one may go", () => {
    const bounds = boundsOf(settled({ machines: 1, forks: "refuse", images: { plain: { hot: 0 } } }));

    expect(bounds).toMatchObject({ machines: 10, forks: ["refuse", "approve"] });
    expect([bounds.hot("plain"), bounds.hot("matlab")]).toEqual([3, 5]);
  });

  test("orders no machine for a repository that its admins paused", () => {
    const ordered = (isPaused: boolean) =>
      plan(aWorld({ jobs: [aJob()], catalogue: { repositories: [aRepository({ isPaused })] } })).facts.length;

    expect([ordered(false), ordered(true)]).toEqual([1, 0]);
  });
});

describe("settings are refused that", () => {
  const textsFor = (settings: Settings) =>
    settingsFaults(settings, CATALOGUE.repositories[0] ?? GIVEN, CATALOGUE).map(({ path, text }) => [
      path.join("."),
      text,
    ]);

  test.each<[string, Settings, string, string]>([
    ["name no image", { images: { matlap: {} } }, "images.matlap", "Perhaps matlab was meant."],
    [
      "name a label that any runner may have",
      { images: { plain: { labels: ["Linux"] } } },
      "images.plain.labels.0",
      "The label Linux says what any runner may be",
    ],
    [
      "name what cannot be a label",
      { images: { plain: { labels: ["ok", "a,b"] } } },
      "images.plain.labels.1",
      '"a,b" cannot be a label',
    ],
    ["want too many hot machines", { images: { plain: { hot: 4 } } }, "images.plain.hot", "from 0 to 3."],
    [
      "want more hot machines than the image has",
      { images: { matlab: { hot: 3 } } },
      "images.matlab.hot",
      "from 0 to 2.",
    ],
    ["want too many machines", { machines: 11 }, "machines", "from 1 to 10."],
    ["want no machine", { machines: 0 }, "machines", "from 1 to 10."],
    ["want half a machine", { machines: 1.5 }, "machines", "from 1 to 10."],
    [
      "want more hot machines than machines",
      { machines: 2, images: { plain: { hot: 3 } } },
      "images.plain.hot",
      "3 hot machines are asked for in all",
    ],
    [
      "keep so many hot that another image gets no place",
      { machines: 3, images: { plain: { hot: 3 } } },
      "images.plain.hot",
      "jobs of matlab would never get one",
    ],
    [
      "leave no place beside what the operator keeps hot",
      { machines: 1 },
      "machines",
      "jobs of matlab would never get one",
    ],
    [
      "give a runner more labels than GitHub takes",
      { images: { plain: { labels: Array.from({ length: 99 }, (_, index) => `l${index}`) } } },
      "images.plain.labels",
      "So it may get 98 more, not 99.",
    ],
    [
      "are looser with forks than the operator",
      { forks: "allow" },
      "forks",
      "It may be: refuse and approve.",
    ],
    [
      "make two images the same",
      { images: { plain: { labels: ["our-matlab"] }, matlab: { labels: ["our-plain"] } } },
      "images.matlab.labels",
      "The images plain and matlab have the same labels here",
    ],
    [
      "give one label to two images, of which neither comes before the other",
      { images: { plain: { labels: ["docs"] }, matlab: { labels: ["Docs"] } } },
      "images.plain.labels.0",
      "The label docs would be on plain and on matlab",
    ],
    [
      "give an image the other one's label",
      { images: { plain: { labels: ["x"] }, matlab: { labels: ["our-plain"] } } },
      "images.matlab.labels.0",
      "The label our-plain would be on plain and on matlab",
    ],
  ])("%s", (_, settings, path, text) => {
    expect(textsFor(settings)).toEqual([[path, expect.stringContaining(text)]]);
  });

  test("are within all bounds: none", () => {
    const settings: Settings = {
      machines: 10,
      forks: "refuse",
      paused: false,
      images: { plain: { labels: ["fast"], hot: 3 }, matlab: { labels: ["fast", "big"], hot: 2 } },
    };

    expect(textsFor(settings)).toEqual([]);
  });
});
