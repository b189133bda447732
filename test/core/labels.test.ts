import { describe, expect, test } from "vitest";
import { explainLabels } from "../../src/core/explain.ts";
import { contradiction, GENERIC_LABELS, matchLabels, nearestWord } from "../../src/core/labels.ts";
import { aCatalogue, anImage, aRepository, REPO } from "../support/build.ts";

const CATALOGUE = aCatalogue({
  images: [
    anImage({ name: "matlab", labels: ["self-hosted", "linux", "our-plain", "our-matlab"] }),
    anImage({ name: "plain", labels: ["self-hosted", "linux", "our-plain"] }),
    anImage({ name: "windows", labels: ["self-hosted", "windows", "Our-Windows"] }),
    anImage({ name: "secret", labels: ["our-secret"] }),
  ],
  repositories: [aRepository({ images: ["matlab", "plain", "windows"] })],
});

const imageFor = (labels: string[], repo = REPO) => matchLabels(labels, repo, CATALOGUE).image?.name;
const why = (labels: string[], repo = REPO) => explainLabels({ labels, repo }, CATALOGUE).join(" ");

describe("a job's labels", () => {
  test("lead to the image that has all of them", () => {
    expect(imageFor(["self-hosted", "our-matlab"])).toBe("matlab");
  });

  test("lead to the image with the fewest labels, so that a plain job does not take the special machine", () => {
    expect(imageFor(["our-plain"])).toBe("plain");
  });

  test("lead to the same image when the repository adds labels to it", () => {
    const labels = { plain: ["a", "b", "c"], matlab: ["a"] };
    const repositories = [aRepository({ images: ["matlab", "plain"], labels })];

    const imageOf = (label: string) => matchLabels([label], REPO, { ...CATALOGUE, repositories }).image?.name;

    expect([imageOf("our-plain"), imageOf("a")]).toEqual(["plain", "plain"]);
  });

  test("are the same in capitals, as GitHub has it", () => {
    expect(imageFor(["OUR-PLAIN", "Linux"])).toBe("plain");
    expect(imageFor(["our-windows"])).toBe("windows");
  });

  test("lead to the image also where the repository is spelled in another case", () => {
    expect(imageFor(["our-plain"], "Octo/SpinW")).toBe("plain");
  });

  test("lead nowhere if the image lacks one of them", () => {
    expect(imageFor(["our-plain", "gpu"])).toBeUndefined();
  });

  test("lead nowhere in a repository that is not served", () => {
    expect(imageFor(["our-plain"], "octo/other")).toBeUndefined();
  });

  test("do not lead to an image that the repository may not use", () => {
    expect(imageFor(["our-secret"])).toBeUndefined();
  });

  test.each([[[]], [["self-hosted"]], [["self-hosted", "Linux", "X64"]], [[...GENERIC_LABELS]]])(
    "that any self-hosted runner may bear are not for us: %j",
    (labels) => {
      expect(matchLabels(labels, REPO, CATALOGUE)).toEqual({ image: undefined, why: "only-generic" });
    },
  );
});

describe("the labels that GitHub's runner gives itself", () => {
  const images = (["linux", "windows", "macos"] as const).flatMap((os) =>
    (["x64", "arm64"] as const).map((arch) =>
      anImage({ name: `${os}-${arch}`, os, arch, labels: ["self-hosted", os, arch, "ours"] }),
    ),
  );
  const catalogue = aCatalogue({
    images,
    repositories: [aRepository({ images: images.map(({ name }) => name) })],
  });
  const imageOf = (...labels: string[]) => matchLabels(labels, REPO, catalogue).image?.name;

  // See: docs.github.com, "Using self-hosted runners in a workflow": these are the spellings there.
  test.each([
    ["Linux", "X64", "linux-x64"],
    ["Linux", "ARM64", "linux-arm64"],
    ["Windows", "X64", "windows-x64"],
    ["windows", "arm64", "windows-arm64"],
    ["macOS", "X64", "macos-x64"],
    ["MacOS", "ARM64", "macos-arm64"],
  ])("%s and %s, with one of ours, lead to the image %s", (os, arch, name) => {
    expect(imageOf("self-hosted", os, arch, "ours")).toBe(name);
  });

  test("lead nowhere together with those of another system", () => {
    expect(imageOf("Windows", "Linux", "ours")).toBeUndefined();
  });

  test("are for no image of Mayfly's by themselves", () => {
    expect(imageOf("self-hosted", "Windows", "X64")).toBeUndefined();
  });

  test.each([
    [["self-hosted", "macOS", "ARM64", "ours"], undefined],
    [["ours"], undefined],
    [["macos", "X64", "ours"], "X64"],
    [["Linux", "ours"], "Linux"],
    [["arm", "ours"], "arm"],
  ])("of the image %j do not contradict macOS on arm64, but for %s", (labels, wrong) => {
    expect(contradiction({ os: "macos", arch: "arm64", labels })).toBe(wrong);
  });
});

describe("why labels match or not", () => {
  test("names the image they lead to", () => {
    expect(why(["our-plain"])).toBe("Its labels (our-plain) lead to the image plain.");
  });

  test("names the label that no image has, and the nearest", () => {
    expect(why(["self-hosted", "our-plian"])).toBe(
      "No image has the label our-plian; the nearest is our-plain.",
    );
  });

  test("offers no label that is far from what was asked for", () => {
    expect(why(["self-hosted", "ubuntu-latest"])).toBe("No image has the label ubuntu-latest.");
  });

  test("does not offer a label of an image that the repository may not use", () => {
    expect(why(["our-secrets"])).toBe("No image has the label our-secrets.");
  });

  test("says so if labels exist, but not on one image", () => {
    expect(why(["our-matlab", "our-windows"])).toBe(
      "No one image has all of its labels (our-matlab and our-windows).",
    );
  });

  test("says where a repository is added", () => {
    expect(why(["our-plain"], "octo/other")).toMatch(
      /octo\/other is not among .*"repositories" in mayfly\.yml/,
    );
  });

  test("says that general labels are not enough", () => {
    expect(why(["self-hosted", "linux"])).toMatch(/general labels only \(self-hosted and linux\)/);
  });
});

describe("the nearest word", () => {
  test.each([
    ["our-plain", "our-plain"],
    ["our-plian", "our-plain"],
    ["ourplain", "our-plain"],
    ["our-pla", "our-plain"],
    ["our-window", "our-windows"],
    ["gpu", undefined],
    ["cap", undefined],
    ["", undefined],
  ])("to %j is %j", (word, nearest) => {
    expect(nearestWord(word, ["our-windows", "our-plain"])).toBe(nearest);
  });

  test("is at most a third of the word away, but one edit is always near", () => {
    expect(nearestWord("ab", ["ac"])).toBe("ac");
    expect(nearestWord("abc", ["add"])).toBeUndefined();
    expect(nearestWord("abcdef", ["abcdxx"])).toBe("abcdxx");
    expect(nearestWord("abcdef", ["abcxxx"])).toBeUndefined();
  });

  test("of none is none", () => {
    expect(nearestWord("plain", [])).toBeUndefined();
  });
});
