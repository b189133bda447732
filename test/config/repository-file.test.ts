import { describe, expect, test } from "vitest";
import { readRepositoryFile } from "../../src/config/repository-file.ts";

const GOOD = `images:
  linux: { labels: [spinw-linux], hot: 1 }
machines: 3
forks: approve
paused: false
`;
const LARGEST = 64 * 1024;

const read = (text: string | Buffer) => {
  const bytes = Buffer.from(text);
  return readRepositoryFile(bytes.length, bytes);
};
const faultsOf = (text: string | Buffer) => read(text).faults.map((fault) => `${fault.line}: ${fault.text}`);

describe("a repository's file", () => {
  test("says what the repository wants", () => {
    expect(read(GOOD)).toMatchObject({
      faults: [],
      file: {
        images: { linux: { labels: ["spinw-linux"], hot: 1 } },
        machines: 3,
        forks: "approve",
        paused: false,
      },
    });
  });

  test.each(["", "# nothing yet\n", "\ufeff{}\r\n"])("may say nothing: %j", (text) => {
    expect(read(text)).toMatchObject({ faults: [], file: {} });
  });

  test("tells all its faults at once, each with its line, in the order of the file", () => {
    const text =
      "images:\n  linux: { lables: [a], hot: -1 }\nforks: <b>x</b>\nmachines: many\npaused: yes\nhots: 1\n";

    expect(faultsOf(text)).toEqual([
      "2: images.linux.lables is no known key; perhaps labels was meant.",
      "2: images.linux.hot must be a whole number from 0 to 1000, not -1.",
      '3: forks must be refuse, approve or allow, not "<b>x</b>".',
      '4: machines must be a whole number from 1 to 1000, not "many".',
      '5: paused must be true or false, not "yes".',
      "6: hots is no known key; known here are images, machines, forks, paused.",
    ]);
  });

  test("tells where a fault is that others find in it", () => {
    const { faultAt } = read(GOOD);

    expect(faultAt(["images", "linux", "hot"], "Too many.")).toEqual({ line: 2, text: "Too many." });
    expect(faultAt(["machines"], "Too many.")).toEqual({ line: 3, text: "Too many." });
  });

  test.each([
    ["a tab", "images:\n\tlinux: {}\n", "2: this is not YAML: Tabs are not allowed as indentation."],
    ["a key that is there twice", "paused: true\npaused: false\n", "2: paused is there twice."],
    ["an alias", "images: &a {}\nother: *a\n", "2: aliases (*a) are not read here; write it out."],
    ["no mapping", "hello", '1: the file must be a mapping of keys to values, not "hello".'],
    ["a second document", "{}\n---\n{}\n", "2: this is not YAML: Source contains multiple documents"],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x41]), "1: the file is not text in UTF-8."],
    ["a control character", '"a\\0b": 1', "1: a b is no known key"],
  ])("with %s is refused", (_, text, fault) => {
    const [told] = faultsOf(text);

    expect(told?.slice(0, fault.length)).toBe(fault);
  });

  test("that is too large is not even read", () => {
    const fault = { line: 1, text: `the file has ${LARGEST + 1} bytes; 65536 are the most.` };

    expect(read("#".repeat(LARGEST)).faults).toEqual([]);
    expect(read("#".repeat(LARGEST + 1)).faults).toEqual([fault]);
    // GitHub gives no content of what has more than a MiB.
    expect(readRepositoryFile(LARGEST + 1, Buffer.alloc(0)).faults).toEqual([fault]);
  });

  test("changes nothing in what all objects have in common", () => {
    read("images: { __proto__: { hot: 1 }, constructor: { hot: 2 } }\n__proto__: { hot: 3 }\n");

    expect(Object.hasOwn(Object.prototype, "hot")).toBe(false);
    expect(read("images: { __proto__: { hot: 1 } }").file.images ?? {}).toEqual({});
  });
});

/** As much as the file may have. */
const filled = (text: string) => text.repeat(Math.floor(LARGEST / text.length));
const numbered = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => line(index)).join("");
const refers = (index: number) => Array(8).fill(`*a${index - 1}`);

/** NB: this is where the controller's one thread would stand still. */
const SOON_MS = 3_000;

describe("a hostile file", () => {
  test.each([
    ["nested sequences", filled("[")],
    ["nested sequences that are closed", "[".repeat(LARGEST / 2) + "]".repeat(LARGEST / 2)],
    ["nested mappings", `images: ${"{a: ".repeat(10_000)}${"}".repeat(10_000)}`],
    [
      "aliases of aliases",
      `a0: &a0 x\n${numbered(60, (index) => `a${index + 1}: &a${index + 1} [${refers(index + 1)}]\n`)}`,
    ],
    [
      "merged aliases of YAML 1.1",
      `%YAML 1.1\n---\na0: &a0 {x: 1}\n${numbered(60, (index) => `a${index + 1}: &a${index + 1} {<<: [${refers(index + 1)}]}\n`)}`,
    ],
    ["thousands of keys", numbered(9_000, (index) => `k${index}:\n`)],
    ["thousands of the same key", filled("a: 1\n")],
    ["thousands of images that are none", `images:\n${numbered(6_000, (index) => ` k${index}: 1\n`)}`],
    ["quotes without end", filled('"')],
    ["markup", filled("<script>alert(1)</script>\n")],
    ["one long key", `${"k".repeat(1000)}: 1`],
  ])("of %s is refused soon, with few and short faults", (_, text) => {
    const startedAt = performance.now();

    const { faults } = read(text);

    expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.length).toBeLessThanOrEqual(50);
    expect(Math.max(...faults.map((fault) => fault.text.length))).toBeLessThanOrEqual(301);
  });
});
