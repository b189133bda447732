import { expect, test } from "vitest";
import { meaningOf } from "../../src/cli/meaning.ts";
import { readSettings } from "../../src/config.ts";
import { catalogueFile, ENV, GOOD } from "../config/file.ts";
import { anImage } from "../support/build.ts";

test("installing at each boot is said of boxes that are not prepared, and of no other image", () => {
  const settings = readSettings({ file: catalogueFile(GOOD), env: ENV });
  const images = [
    anImage({ prepared: false, box: { name: "debian/bookworm64", version: "12.1" } }),
    anImage({ prepared: true, box: { name: "mayfly/ready" } }),
    anImage({ prepared: false, box: undefined, tartImage: { name: "base" } }),
    anImage({ prepared: false, box: undefined, cloudImage: { family: "spinw" } }),
  ];

  const said = meaningOf({ ...settings, catalogue: { ...settings.catalogue, images } });

  for (const words of [
    "debian/bookworm64 12.1 (installs at each boot)  ",
    "mayfly/ready  ",
    "tart image base  ",
  ])
    expect(said).toContain(words);
  expect(said).toContain("cloud image spinw  ");
  expect(said.match(/installs at each boot/g)).toHaveLength(1);
});
