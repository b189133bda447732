import { expect, test } from "vitest";
import { imagesOf } from "../../src/control/images.ts";
import { overviewOf } from "../../src/control/overview.ts";
import type { CloudImageSeen } from "../../src/core/clouds.ts";
import { imageSection } from "../../src/web/images.ts";
import { hostSection } from "../../src/web/site.ts";
import { ago, aHost, anImage, aWorld, hours, NOW, seconds, type WorldParts } from "../support/build.ts";

const OUTSIDE = { relay: undefined, installations: [], setAside: 0 };

/** The text of a page's part, as people read it. */
const read = (part: unknown): string =>
  String(part)
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ");

const hostsOf = (parts: WorldParts) => {
  const world = aWorld(parts);
  return read(hostSection(overviewOf(world, OUTSIDE), world));
};

const stfc = { hosts: [aHost({ name: "stfc", driver: "openstack", machines: 40, cpus: 64 })] };

test("operators see how much a cloud's quota leaves, where it is less than the catalogue's", () => {
  const hostRoom = { stfc: { capacity: { machines: 10, cpus: 20, memoryMiB: 40_960 } } };

  expect(hostsOf({ catalogue: stfc, hostRoom })).toContain("0 of 10");
  expect(hostsOf({ catalogue: stfc, hostRoom })).toContain("20 of 20 CPUs, 40 of 40 GiB free");
  expect(hostsOf({ catalogue: stfc })).toContain("64 of 64 CPUs free");
});

test("operators see that a host refuses orders, and its reason as data", () => {
  const refusal = { at: ago(seconds(1)), until: NOW + seconds(30), text: "<b>Quota exceeded</b> for cores" };
  const world = aWorld({ catalogue: stfc, hostRoom: { stfc: { refusals: [refusal] } } });
  const page = String(hostSection(overviewOf(world, OUTSIDE), world));

  expect(read(page)).toContain("refuses");
  expect(page).toContain("&lt;b&gt;Quota exceeded&lt;/b&gt; for cores");
  const past = { ...refusal, until: ago(1) };
  expect(hostsOf({ catalogue: stfc, hostRoom: { stfc: { refusals: [past] } } })).toContain("ready");
});

test("operators see the cloud images in use, their age, and how the candidate does", () => {
  const image = (standing: CloudImageSeen["standing"], days: number): CloudImageSeen => ({
    ...{ family: "plain", id: standing, name: standing, standing, builtAt: ago(hours(24 * days)) },
  });
  const canary = { share: 20, boots: 5, failures: 2 };
  const catalogue = {
    ...stfc,
    images: [anImage({ hosts: ["stfc"], cloudImage: { family: "plain", canary } })],
  };
  const cloudImages = { stfc: [image("current", 25), image("candidate", 1), image("old", 60)] };

  const page = read(imageSection(imagesOf(aWorld({ catalogue, cloudImages }))));

  expect(page).toContain("plain stfc current 25 d ago");
  expect(page).toContain("candidate 0 of 5 booted well");
  expect(page).not.toContain("60 d");
  expect(page).toContain("The current cloud image of plain on stfc is 25 days old");
});

test("a site without clouds has nothing to show of them", () => {
  expect(read(imageSection(imagesOf(aWorld()))).trim()).toBe("");
});
