import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TAKE_SEED } from "../../src/drivers/orchard/hand-over.ts";

/** The recipe of an image for Macs. It can only be run on a Mac, so it is looked at as text. */

/** NB: it comes on another branch. */
const GUEST = join(import.meta.dirname, "../../guest/macos");
const IMAGE = join(import.meta.dirname, "../../macos/image");
const recipe = readFileSync(join(IMAGE, "macos.pkr.hcl"), "utf8");
const plugins = readFileSync(join(IMAGE, "plugins.pkr.hcl"), "utf8");
const textOf = (script: string) => readFileSync(join(IMAGE, "scripts", script), "utf8");

/** Blocks `variable "name" { … }`, by name. */
const variables = new Map(
  Array.from(recipe.matchAll(/^variable "(\w+)" \{\n([\s\S]*?)^\}/gm), ([, name = "", body = ""]) => [
    name,
    body,
  ]),
);
/** Scripts in the order in which they are run. */
const scripts = Array.from(recipe.matchAll(/scripts\/([\w.-]+\.sh)"/g), ([, name = ""]) => name);

describe("the recipe of a macOS image", () => {
  test.each(["base_password", "password"])("has no default for %s, and does not show it", (name) => {
    const body = variables.get(name);

    expect(body).toMatch(/sensitive\s*=\s*true/);
    expect(body).not.toMatch(/default\s*=/);
  });

  test("has no password in it, nor have its scripts", () => {
    const all = [recipe, ...scripts.map(textOf)].join("\n");

    expect(all).not.toMatch(/password\w*\s*=\s*"(?!\$\{)/i);
    expect(all).not.toMatch(/\badmin\b.*\badmin\b/);
  });

  test("runs each of its scripts once, in the order of their numbers, and no others", () => {
    expect(scripts).toEqual(readdirSync(join(IMAGE, "scripts")).toSorted());
  });

  test("changes the password after all that needs it, and verifies before it cleans", () => {
    expect(scripts.slice(-3)).toEqual(["50-password.sh", "80-verify.sh", "90-clean.sh"]);
  });

  test("takes what it copies from where it is", () => {
    const [, source = ""] = /source\s+=\s+"\$\{path\.root\}\/([^"]+)"/.exec(recipe) ?? [];

    expect(existsSync(join(IMAGE, source, "runner.lock.json"))).toBe(true);
  });

  test("pins the plug-in, and the base if it is in a registry", () => {
    expect(plugins).toMatch(
      /source\s*=\s*"github\.com\/cirruslabs\/tart"\n\s*version\s*=\s*"= \d+\.\d+\.\d+"/,
    );
    expect(variables.get("base")).toContain("@sha256:[0-9a-f]{64}$");
    expect(variables.get("base")).not.toMatch(/default\s*=/);
  });

  test("downloads nothing by itself: the runner comes by the digest of guest/runner.lock.json", () => {
    const all = [recipe, ...scripts.map(textOf)].join("\n");

    expect(all).not.toMatch(/https?:\/\/|\bcurl\b|\bbrew\b/);
    expect(textOf("30-runner.sh")).toContain("/tmp/mayfly/guest/macos/install-runner.sh");
  });

  test("logs nobody in on the screen, if it is not asked to", () => {
    expect(variables.get("auto_login")).toMatch(/default\s*=\s*false/);
  });

  test("is refused with the base's password, with an administrator as runner, or with a seed", () => {
    const verify = textOf("80-verify.sh");

    expect(verify).toMatch(/! dscl \. -authonly "\$ADMIN" "\$\{OLD_PASSWORD:\?\}"/);
    expect(verify).toMatch(/! dseditgroup -o checkmember -m runner admin/);
    expect(verify).toContain("/var/db/mayfly/seed.json");
  });

  test("has its passwords out of the environment, where no command shows them", () => {
    const build = readFileSync(join(IMAGE, "build.sh"), "utf8");

    expect(build).toContain("PKR_VAR_base_password");
    expect(build).not.toMatch(/-var "?\w*password/);
  });
});

describe.skipIf(!existsSync(GUEST))("the guest program for macOS", () => {
  const textOfGuest = (name: string) => readFileSync(join(GUEST, name), "utf8");

  test("is installed where the image is verified", () => {
    const install = textOfGuest("install-guest.sh");

    for (const path of ["/usr/local/lib/mayfly", "/Library/LaunchDaemons/dev.mayfly.guest.plist"])
      expect(install).toContain(path);
  });

  test("looks for its seed where Macs and Orchard put it", () => {
    const seed = textOfGuest("seed.sh");
    const program = readFileSync(join(IMAGE, "../host/mayfly-tart"), "utf8");

    expect(seed).toContain("/mayfly/seed.json");
    expect(program).toContain('--dir "mayfly:$folder/seed:ro"');
    expect(seed).toContain("/var/db/mayfly/seed.json");
    expect(TAKE_SEED).toContain("/var/db/mayfly/seed.json");
    expect(TAKE_SEED).toContain("kickstart system/dev.mayfly.guest");
  });
});
