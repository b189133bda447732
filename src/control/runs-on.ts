import { parseDocument, visit } from "yaml";
import { explainLabels } from "../core/explain.ts";
import { findRepository, fits, imagesOf, matchLabels } from "../core/labels.ts";
import type { Catalogue, Image, RepoName } from "../core/types.ts";

/** What becomes of a job with such a `runs-on`. `image`: the one it gets; none: the sentences say why. */
export type Tried = {
  labels: readonly string[];
  image: Image | undefined;
  /** Images that it would fit, too, and does not get, since they have more labels. */
  others: readonly Image[];
  sentences: readonly string[];
};

/** Tries what stands behind `runs-on:` in a workflow against the images of a repository. */
export function tryRunsOn(text: string, repo: RepoName, catalogue: Catalogue): Tried {
  const read = readRunsOn(text);
  if ("sentence" in read) return { labels: [], image: undefined, others: [], sentences: [read.sentence] };
  const { labels } = read;
  const { image } = matchLabels(labels, repo, catalogue);
  const repository = findRepository(repo, catalogue);
  const fitting =
    repository && image ? imagesOf(repository, catalogue).filter((one) => fits(labels, one)) : [];
  return {
    labels,
    image,
    others: fitting.filter(({ name }) => name !== image?.name),
    sentences: explainLabels({ labels, repo }, catalogue),
  };
}

/**
 * The labels that `runs-on` asks for: one, or a list, also as JSON, which is what an expression comes to.
 * See: docs.github.com, "Workflow syntax for GitHub Actions", jobs.<job_id>.runs-on.
 */
export function readRunsOn(text: string): { labels: string[] } | { sentence: string } {
  const value = text.replace(/^\s*runs-on\s*:/, "").trim();
  if (value === "") return { sentence: "Write what stands behind runs-on: in the workflow." };
  const literal = /^\$\{\{\s*fromJSON\(\s*'((?:[^']|'')*)'\s*\)\s*\}\}$/i.exec(value)?.[1];
  const plain = literal === undefined ? text.trimEnd() : literal.replaceAll("''", "'");
  if (plain.includes("${{")) {
    return {
      sentence:
        "An expression is worked out by GitHub when the workflow runs. Write what it comes to: a label, or a list of labels.",
    };
  }
  const document = parseDocument(plain, { schema: "failsafe", logLevel: "error" });
  if (document.errors.length > 0) {
    return {
      sentence: "This cannot be read as YAML. Write a label, or a list such as [self-hosted, spinw-linux].",
    };
  }
  let hasAlias = false;
  visit(document, {
    Alias: () => {
      hasAlias = true;
    },
  });
  if (hasAlias) return { sentence: "Write the labels themselves in place of aliases." };
  const read: unknown = document.toJS();
  return labelsIn(read !== null && typeof read === "object" && "runs-on" in read ? read["runs-on"] : read);
}

function labelsIn(value: unknown): { labels: string[] } | { sentence: string } {
  if (typeof value === "string") return { labels: [value] };
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string"))
    return { labels: value };
  if (value !== null && typeof value === "object" && "group" in value) {
    return {
      sentence:
        "A job that names a group goes to runners of that group only. Mayfly's runners belong to the repository and are in no group, so ask for labels.",
    };
  }
  if (value !== null && typeof value === "object" && "labels" in value) return labelsIn(value.labels);
  return { sentence: "This is neither a label nor a list of labels." };
}
