import type { Bounds, ImageSettings, Settings } from "../../core/settings.ts";
import type { ForkRule } from "../../core/types.ts";

/** What is typed into the form, as it is typed. */
export type Form = {
  images: Readonly<Record<string, { labels: string; hot: string }>>;
  machines: string;
  /** Empty: as the operator says. */
  forks: string;
  paused: boolean;
};

/** What is wrong with a field, as a sentence. `field`: its id on the page; none: it is about all of them. */
export type FieldFault = { field?: string | undefined; text: string };

export type FormRead = { form: Form; version: number; settings: Settings; faults: FieldFault[] };

export const labelsField = (image: string): string => `labels-${image}`;
export const hotField = (image: string): string => `hot-${image}`;

/** The form that says what the settings say. */
export function formOf({ images = {}, machines, forks, paused = false }: Settings, bounds: Bounds): Form {
  const typed = bounds.images.map((name) => {
    const { labels = [], hot } = images[name] ?? {};
    return [name, { labels: labels.join("\n"), hot: numberText(hot) }] as const;
  });
  return { images: Object.fromEntries(typed), machines: numberText(machines), forks: forks ?? "", paused };
}

const numberText = (count: number | undefined): string => (count === undefined ? "" : String(count));

/** Reads what was sent. NB: a field that is lacking is no empty one: it must not take away what was set. */
export function readForm(sent: Readonly<Record<string, unknown>>, bounds: Bounds): FormRead {
  const faults: FieldFault[] = [];
  const missing: string[] = [];
  const text = (field: string): string => {
    const value = sent[field];
    if (typeof value !== "string") missing.push(field);
    return typeof value === "string" ? value : "";
  };
  const count = (field: string, typed: string): number | undefined => {
    if (typed.trim() === "") return undefined;
    if (/^\d{1,6}$/.test(typed.trim())) return Number(typed);
    faults.push({
      field,
      text: `${JSON.stringify(typed.slice(0, 40))} is no whole number. Leave it empty, or give one.`,
    });
    return undefined;
  };
  const hotOf = (image: string) => (bounds.hot(image) === 0 ? "" : text(hotField(image)));
  const typed = bounds.images.map(
    (name) => [name, { labels: text(labelsField(name)), hot: hotOf(name) }] as const,
  );
  const form: Form = {
    images: Object.fromEntries(typed),
    machines: text("machines"),
    forks: typeof sent.forks === "string" ? sent.forks : NOT_CHOSEN,
    paused: sent.paused === "yes",
  };
  const version = text("version");
  const images = typed.flatMap(([name, one]) => {
    const image = imageOf(one.labels, count(hotField(name), one.hot));
    return image ? [[name, image] as const] : [];
  });
  const machines = count("machines", form.machines);
  const { rule, isKnown } = ruleOf(form.forks);
  if (!isKnown) faults.push({ field: "forks", text: "Choose one of these." });
  if (missing.length > 0 || !/^\d{1,9}$/.test(version)) faults.unshift({ text: INCOMPLETE });
  const settings: Settings = {
    ...(images.length > 0 && { images: Object.fromEntries(images) }),
    ...(machines !== undefined && { machines }),
    ...(rule && { forks: rule }),
    ...(form.paused && { paused: true }),
  };
  return { form, version: Number(version) || 0, settings, faults };
}

const INCOMPLETE =
  "The form was not complete: the operator may have changed the images since the page was made. Look it through and save again.";

/** No rule's name. NB: none is chosen on the page if the one that was set is not allowed any more. */
const NOT_CHOSEN = "none";

/** Nothing: all is left as the operator says. */
function imageOf(typed: string, hot: number | undefined): ImageSettings | undefined {
  const each = new Map(typed.split(/[\s,]+/).map((label) => [label.toLowerCase(), label]));
  each.delete("");
  const labels = [...each.values()];
  if (labels.length === 0 && hot === undefined) return undefined;
  return { ...(labels.length > 0 && { labels }), ...(hot !== undefined && { hot }) };
}

const RULES: Readonly<Record<string, ForkRule | undefined>> = {
  "": undefined,
  refuse: "refuse",
  approve: "approve",
  allow: "allow",
};

const ruleOf = (typed: string) => ({ rule: RULES[typed], isKnown: Object.hasOwn(RULES, typed) });
