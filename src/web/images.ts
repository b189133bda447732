import { html } from "hono/html";
import { type Images, trialWords } from "../control/images.ts";
import { ago, badge, type Html, section, table } from "./layout.ts";

/** The cloud images in use, for operators. */
export function imageSection({ at, images, notes }: Images): Html {
  const rows = images
    .filter(({ standing }) => standing !== "old")
    .map((view) => [
      view.family,
      view.host,
      html`${badge(view.standing, view.standing === "current" ? "good" : "waiting")} ${trialWords(view)}`,
      view.builtAt === undefined ? "not known" : ago(view.builtAt, at),
      view.runnerVersion ?? "not known",
    ]);
  if (rows.length === 0) return html``;
  const columns = [
    { name: "Cloud image" },
    { name: "Host", isWide: true },
    { name: "Stands" },
    { name: "Built" },
    { name: "Runner", isWide: true },
  ];
  return html`${section("Cloud images", table("Cloud images", columns, rows))}
    ${notes.map((note) => html`<p class="quiet">${note}</p>`)}`;
}
