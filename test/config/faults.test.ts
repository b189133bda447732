import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { readSettings } from "../../src/config.ts";
import { SetupError } from "../../src/ports.ts";
import { catalogueFile, changed, type FaultRow, faultsOf, GOOD } from "./file.ts";

const KEYS: FaultRow[] = [
  [
    "a misspelt key is told with the key that was perhaps meant",
    "machines: 4",
    "machnes: 4",
    "mayfly.yml:5:5: hosts[0].machnes is no known key; perhaps machines was meant.",
  ],
  [
    "a key that resembles none is told with all that are known",
    "    images: [linux, matlab]",
    "    images: [linux, matlab]\n    colour: red",
    "mayfly.yml:20:5: repositories[0].colour is no known key; known here are name, images, machines, hot, mostHot, registration, onGiveUp, forks.",
  ],
  [
    "a key that is missing is told at what it is missing in",
    "    os: linux\n    labels: [self-hosted, linux, x64, spinw-linux]",
    "    labels: [self-hosted, linux, x64, spinw-linux]",
    "mayfly.yml:9:5: images[0].os is missing; it must be linux, windows or macos.",
  ],
  [
    "a controller's name must fit into the names of VMs",
    "controller: lab",
    "controller: my-lab",
    'mayfly.yml:1:13: controller must have 1 to 12 of a–z and 0–9, not "my-lab".',
  ],
  [
    "a word that is not one of those allowed is told with those that are",
    "os: linux\n    labels: [self-hosted, linux, x64, spinw-linux]",
    "os: linx\n    labels: [self-hosted, linux, x64, spinw-linux]",
    'mayfly.yml:10:9: images[0].os must be linux, windows or macos, not "linx".',
  ],
  [
    "a number must be a whole one",
    "machines: 4",
    "machines: 1.5",
    "mayfly.yml:5:15: hosts[0].machines must be a whole number from 1 to 10000, not 1.5.",
  ],
  [
    "a number must be in its range",
    "machines: 4",
    "machines: 0",
    "mayfly.yml:5:15: hosts[0].machines must be a whole number from 1 to 10000, not 0.",
  ],
  [
    "a size needs a unit",
    "memory: 16 GiB",
    "memory: 16",
    'mayfly.yml:7:13: hosts[0].memory must be a size with its unit, such as "512 MiB" or "4 GiB", not 16.',
  ],
  [
    "a time needs a unit",
    "box: { name: mayfly/matlab }",
    "box: { name: mayfly/matlab }\n    limits: { boot: 300 }",
    "mayfly.yml:17:21: images[1].limits.boot must be a time with its unit, such as 30s, 10m or 6h, not 300.",
  ],
  [
    "a version that YAML takes for a number needs quotes",
    "{ name: mayfly/matlab }",
    "{ name: mayfly/matlab, version: 1.10 }",
    'mayfly.yml:16:42: images[1].box.version must be a version in quotes, such as "12.20250126.1", not 1.1.',
  ],
  [
    "an empty list is not one",
    "images: [linux, matlab]",
    "images: []",
    "mayfly.yml:19:13: repositories[0].images must be a list of image names, not an empty list.",
  ],
  [
    "a key without a value is empty",
    "machines: 4",
    "machines:",
    "mayfly.yml:5:14: hosts[0].machines must be a whole number from 1 to 10000, not empty.",
  ],
  [
    "a repository is named with its owner",
    "SpinW/spinw",
    "spinw",
    'mayfly.yml:18:11: repositories[0].name must be a repository as owner/name, not "spinw".',
  ],
  [
    "a box name that a command would take for an option is none",
    "mayfly/matlab",
    "--force",
    'mayfly.yml:16:18: images[1].box.name must be the name of a box, such as debian/bookworm64, not "--force".',
  ],
  [
    "a digest that is not SHA-256 is none",
    "{ name: mayfly/matlab }",
    '{ name: mayfly/matlab, sha256: "d41d8cd98f00b204e9800998ecf8427e" }',
    'mayfly.yml:16:41: images[1].box.sha256 must be a SHA-256 digest: 64 hexadecimal digits, in quotes if they are all numbers, not "d41d8cd98f00b204e9800998ecf8427e".',
    "mayfly.yml:16:41: The box of image matlab has a sha256 but no file to compare it with.",
  ],
];

const SECRETS: FaultRow[] = [
  [
    "the App's id belongs into the environment",
    "controller: lab",
    "controller: lab\nappId: 12",
    "mayfly.yml:2:1: appId does not belong into this file, which others may read: set APP_ID in the environment of the service.",
  ],
  [
    "so does the webhook secret, wherever it is written",
    "guests: {",
    "guests: { webhook_secret: abc,",
    "mayfly.yml:2:11: guests.webhook_secret does not belong into this file, which others may read: set WEBHOOK_SECRET in the environment of the service.",
  ],
  [
    "so does the private key",
    "controller: lab",
    "controller: lab\ngithub: { privateKey: abc }",
    "mayfly.yml:2:11: github.privateKey does not belong into this file, which others may read: set PRIVATE_KEY_PATH in the environment of the service.",
  ],
  [
    "so does whatever else sounds like a secret",
    "controller: lab",
    "controller: lab\npassword: abc",
    "mayfly.yml:2:1: password does not belong into this file, which others may read: the environment of the service is the place for it.",
  ],
];

describe.each(Object.entries({ KEYS, SECRETS }))("faults, %s", (_, rows) => {
  test.each(rows)("%s", (_claim, from, to, ...sentences) => {
    expect(faultsOf(changed(from, to))).toEqual(sentences);
  });
});

describe("faults", () => {
  test("are all told at once, in the order of the file", () => {
    const text = GOOD.replace("controller: lab", "controller: LAB")
      .replace("machines: 4", "machines: four")
      .replace("x64, spinw-linux]", "x64]")
      .replace("[linux, matlab]", "[linux, octave]");

    const lines = faultsOf(text).map((sentence) => sentence.split(":")[1]);

    expect(lines).toEqual(["1", "5", "11", "19"]);
  });

  test("of one entry do not hide those of another, nor its own others", () => {
    const text = changed(
      "os: linux\n    labels: [self-hosted, linux, x64, spinw-linux]",
      "os: dos\n    labels: [linux]",
    );

    expect(faultsOf(text)).toHaveLength(2);
  });

  test("of the YAML itself are told with their place", () => {
    expect(faultsOf("controller: lab\nhosts: [\n")).toEqual([
      expect.stringMatching(/^mayfly\.yml:3:1: this is not YAML: .*\.$/),
    ]);
    expect(faultsOf("controller: lab\ncontroller: lob\n")).toEqual([
      "mayfly.yml:2:1: this is not YAML: Map keys must be unique.",
    ]);
  });

  test("of an empty file say what it must have", () => {
    expect(faultsOf("# nothing yet\n")).toEqual([expect.stringContaining("the file must be a mapping")]);
  });

  test("are SetupErrors, also when there is no file", () => {
    const file = `${dirname(catalogueFile(GOOD))}/other.yml`;

    expect(() => readSettings({ file, env: {} })).toThrow(SetupError);
    expect(() => readSettings({ file, env: {} })).toThrow(
      /^There is no .*other\.yml\. Copy mayfly\.example\.yml to it/,
    );
  });
});
