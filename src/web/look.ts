import type { Phase } from "../core/explain.ts";
import type { Story } from "../core/story.ts";
import { badge, type Html, type Look } from "./layout.ts";

/** Where a job stands, in a word. */
const STANDS: Record<Story["is"], [string, Look]> = {
  held: ["held back", "waiting"],
  waiting: ["waiting", "waiting"],
  booting: ["booting", "busy"],
  running: ["running", "busy"],
  "given-up": ["given up", "bad"],
  unserved: ["not served", "quiet"],
  "no-access": ["no access", "bad"],
  "looked-at": ["looked at", "waiting"],
  refused: ["refused", "bad"],
  unapproved: ["to be approved", "waiting"],
  done: ["done", "quiet"],
};

export const stands = (is: Story["is"]): Html => badge(...STANDS[is]);

const PHASES: Record<Phase, Look> = {
  ordered: "waiting",
  booting: "busy",
  ready: "good",
  registered: "good",
  working: "busy",
  ended: "quiet",
  leaving: "quiet",
  destroyed: "quiet",
};

export const phase = (word: Phase): Html => badge(word, PHASES[word]);

/** How a job ended at GitHub. */
export function ending(conclusion: string | undefined): Html {
  const looks: Record<string, Look> = { success: "good", failure: "bad", timed_out: "bad" };
  return badge(conclusion ?? "unknown", looks[conclusion ?? ""] ?? "quiet");
}
