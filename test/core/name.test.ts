import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONTROLLER_PATTERN, IMAGE_PATTERN, machineName, parseName } from "../../src/core/name.ts";

const aController = fc.stringMatching(CONTROLLER_PATTERN);
const anImageName = fc.stringMatching(IMAGE_PATTERN);
const bytes = fc.uint8Array({ minLength: 8, maxLength: 16 });

describe("a machine's name", () => {
  test("tells the image again to the controller that made it", () => {
    fc.assert(
      fc.property(aController, anImageName, bytes, (controller, image, random) => {
        const name = machineName(controller, image, random);

        expect(parseName(controller, name)).toMatchObject({ image });
      }),
    );
  });

  test("is none of another controller's, whatever their names begin with", () => {
    fc.assert(
      fc.property(aController, aController, anImageName, bytes, (mine, other, image, random) => {
        fc.pre(mine !== other);

        expect(parseName(other, machineName(mine, image, random))).toBe("not ours");
      }),
    );
  });

  test("is a host name: small letters, digits and hyphens, at most 60", () => {
    fc.assert(
      fc.property(aController, anImageName, bytes, (controller, image, random) => {
        expect(machineName(controller, image, random)).toMatch(/^[a-z][a-z0-9-]{0,58}[a-z0-9]$/);
      }),
    );
  });

  test("differs with every one of its eight random bytes", () => {
    const zeros = new Uint8Array(8);

    const names = Array.from({ length: 8 }, (_, index) => machineName("lab", "plain", zeros.with(index, 1)));

    expect(new Set([...names, machineName("lab", "plain", zeros)]).size).toBe(9);
  });

  test("spreads its random bytes over all 32 letters", () => {
    const letters = Array.from({ length: 256 }, (_, byte) =>
      machineName("lab", "plain", new Uint8Array(8).fill(byte)).at(-1),
    );

    expect(new Set(letters).size).toBe(32);
  });
});

describe("a foreign name", () => {
  test.each([
    ["of a person's VM", "web-server"],
    ["without a token", "mayfly-lab-plain"],
    ["without an image", "mayfly-lab-aaaaaaaa"],
    ["whose token is too short", "mayfly-lab-plain-aaaaaaa"],
    ["whose token is too long", "mayfly-lab-plain-aaaaaaaaa"],
    ["whose token has digits that we do not use", "mayfly-lab-plain-aaaaaaa1"],
    ["in capitals", "MAYFLY-LAB-PLAIN-AAAAAAAA"],
    ["whose image begins with a hyphen", "mayfly-lab--plain-aaaaaaaa"],
    ["with something in front", "x-mayfly-lab-plain-aaaaaaaa"],
    ["with a line end behind it", "mayfly-lab-plain-aaaaaaaa\n"],
    ["of a controller whose name begins with ours", "mayfly-labs-plain-aaaaaaaa"],
  ])("%s is not ours", (_, name) => {
    expect(parseName("lab", name)).toBe("not ours");
  });

  test("of any kind never makes the parser fail", () => {
    fc.assert(fc.property(aController, fc.string(), (controller, name) => void parseName(controller, name)));
  });
});
