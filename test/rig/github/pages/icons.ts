import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** What a check or a job is at, in one word. */
export type Look =
  | "queued"
  | "waiting"
  | "in_progress"
  | "success"
  | "failure"
  | "cancelled"
  | "neutral"
  | "skipped"
  | "timed_out"
  | "action_required";

/** In words, for people and screen readers. */
export const WORDS: Record<Look, string> = {
  queued: "Queued",
  waiting: "Waiting for approval",
  in_progress: "In progress",
  success: "Successful",
  failure: "Failed",
  cancelled: "Cancelled",
  neutral: "Neutral",
  skipped: "Skipped",
  timed_out: "Timed out",
  action_required: "Action required",
};

const TICK = "M4.5 8.2l2.4 2.4 4.6-5";
const CROSS = "M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4";
const SLASH = "M4.6 11.4l6.8-6.8";
const DASH = "M4.8 8h6.4";
const EXCLAMATION = "M8 4.5v4.2M8 11v.4";

const SIGNS: Record<Look, string> = {
  queued: "",
  waiting: "M8 5v3.3l2 1.4",
  in_progress: "",
  success: TICK,
  failure: CROSS,
  cancelled: SLASH,
  neutral: DASH,
  skipped: SLASH,
  timed_out: CROSS,
  action_required: EXCLAMATION,
};

/** A round sign; its colour comes from the style sheet. */
export function icon(look: Look): Html {
  return html`<svg class="icon ${look}" viewBox="0 0 16 16" role="img" aria-label="${WORDS[look]}">
    <circle class="disc" cx="8" cy="8" r="7" /><path class="sign" d="${SIGNS[look]}" />
  </svg>`;
}

/** What to show of something that has a status and, once it is over, a conclusion. */
export const lookOf = (thing: { status: Look | "completed"; conclusion?: Look | undefined }): Look =>
  thing.status === "completed" ? (thing.conclusion ?? "neutral") : thing.status;

/** One look for many: what asks for attention first. */
export function overall(looks: readonly Look[]): Look {
  const order: Look[] = [
    "failure",
    "timed_out",
    "action_required",
    "in_progress",
    "waiting",
    "queued",
    "cancelled",
    "success",
  ];
  return order.find((look) => looks.includes(look)) ?? "neutral";
}
