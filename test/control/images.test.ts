import { describe, expect, test } from "vitest";
import { type Images, trialWords } from "../../src/control/images.ts";
import type { CloudImageSeen } from "../../src/core/clouds.ts";
import type { Fact } from "../../src/core/facts.ts";
import { ago, aHost, anImage, hours, NOW, type WorldParts } from "../support/build.ts";
import { controllerIn, newFolder } from "./controller.ts";

const seen = (standing: CloudImageSeen["standing"], days: number): CloudImageSeen => ({
  ...{ family: "plain", id: `${standing}-id`, name: `plain-${days}`, standing },
  ...{ runnerVersion: "2.337.0", builtAt: ago(hours(24 * days)), sizeBytes: 4096 },
});
const CANARY = { share: 20, boots: 5, failures: 2 };
const WORLD: WorldParts = {
  catalogue: {
    hosts: [aHost({ name: "stfc", driver: "openstack" }), aHost({ name: "far", driver: "openstack" })],
    images: [anImage({ hosts: ["stfc"], cloudImage: { family: "plain", canary: CANARY } })],
  },
  cloudImages: { stfc: [seen("old", 40), seen("candidate", 1), seen("current", 25)] },
};

async function ask(...facts: Fact[]): Promise<Images> {
  const controller = await controllerIn(newFolder(), { facts, world: WORLD });
  return (await controller.ask("/images")) as Images;
}

const born = (name: string, trial: string): Fact[] => [
  {
    kind: "machine-created",
    at: NOW,
    machine: name,
    repo: "octo/spinw",
    image: "plain",
    host: "stfc",
    trial,
  },
  { kind: "guest-asked", at: NOW, machine: name, runnerVersion: "2.337.0" },
];

describe("the list of cloud images", () => {
  test("has what is current first, with its age and the days that are left", async () => {
    const { images } = await ask();

    expect(images.map(({ standing, age }) => [standing, age.days, age.runnerDaysLeft])).toEqual([
      ["current", 25, 5],
      ["candidate", 1, 29],
      ["old", 40, -10],
    ]);
    expect(images[0]).toMatchObject({ host: "stfc", images: ["plain"], runnerVersion: "2.337.0" });
  });

  test("says what is too old of those in use, and which clouds have not told", async () => {
    const { notes, unknown } = await ask();

    expect(notes).toEqual([expect.stringContaining("current cloud image of plain on stfc is 25 days old")]);
    expect(unknown).toEqual(["far"]);
  });

  test("tells how a candidate does", async () => {
    const { images } = await ask(...born("mayfly-lab-plain-aaaaaaaa", "candidate-id"));

    expect(images.map(trialWords)).toEqual(["", "1 of 5 booted well", ""]);
  });
});

describe("a candidate in words", () => {
  const words = (trial: Parameters<typeof trialWords>[0]["trial"]) =>
    trialWords({ standing: "candidate", trial });
  const rule = { boots: 5, failures: 2 };

  test("is not tried, tried with some failures, or turned back", () => {
    expect(words(undefined)).toBe("not tried");
    expect(words({ good: 2, failed: 1, ...rule })).toBe("2 of 5 booted well, 1 failed");
    expect(words({ good: 2, failed: 2, verdict: "turned-back", ...rule })).toBe("turned back, 2 failed");
  });
});
