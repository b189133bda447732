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
  const { text, count, labels, incomplete, faults } = fieldReader(sent);
  const typed = bounds.images.map((name) => {
    const hot = bounds.hot(name) === 0 ? "" : text(hotField(name));
    return [name, { labels: text(labelsField(name)), hot }] as const;
  });
  const form: Form = {
    images: Object.fromEntries(typed),
    machines: text("machines"),
    forks: typeof sent.forks === "string" ? sent.forks : NOT_CHOSEN,
    paused: sent.paused === "yes",
  };
  const version = text("version");
  if (!/^\d{1,9}$/.test(version)) incomplete();
  const images = typed.flatMap(([name, one]) =>
    imageOf(name, labels(labelsField(name), one.labels), count(hotField(name), one.hot)),
  );
  const machines = count("machines", form.machines);
  if (!Object.hasOwn(RULES, form.forks)) faults.push({ field: "forks", text: "Choose one of these." });
  const forks = RULES[form.forks];
  const settings: Settings = {
    ...(images.length > 0 && { images: Object.fromEntries(images) }),
    ...(machines !== undefined && { machines }),
    ...(forks && { forks }),
    ...(form.paused && { paused: true }),
  };
  return { form, version: Number(version) || 0, settings, faults };
}

const INCOMPLETE =
  "The form was not complete: the operator may have changed the images since the page was made. Look it through and save again.";

/** No rule's name. NB: none is chosen on the page if the one that was set is not allowed any more. */
const NOT_CHOSEN = "none";
/** As in the file. */
const MOST_LABELS = 100;
const LONGEST_QUOTE = 40;

/** Reads single fields, and notes what is wrong with them. */
function fieldReader(sent: Readonly<Record<string, unknown>>) {
  const faults: FieldFault[] = [];
  const add = (field: string, sentence: string): undefined => void faults.push({ field, text: sentence });

  function text(field: string): string {
    const value = sent[field];
    if (typeof value === "string") return value;
    incomplete();
    return "";
  }

  function incomplete(): void {
    if (faults[0]?.text !== INCOMPLETE) faults.unshift({ text: INCOMPLETE });
  }

  function count(field: string, typed: string): number | undefined {
    const digits = typed.trim();
    if (digits === "") return undefined;
    if (/^\d{1,6}$/.test(digits)) return Number(digits);
    const quoted = JSON.stringify(typed.slice(0, LONGEST_QUOTE));
    return add(field, `${quoted} is no whole number. Leave it empty, or give one.`);
  }

  /** NB: GitHub does not tell `Docs` from `docs`; the first that was typed counts. */
  function labels(field: string, typed: string): readonly string[] {
    const each = new Map<string, string>();
    for (const word of typed.split(/[\s,]+/).filter((one) => one !== ""))
      each.set(word.toLowerCase(), each.get(word.toLowerCase()) ?? word);
    if (each.size <= MOST_LABELS) return [...each.values()];
    add(field, `There are ${each.size} labels. ${MOST_LABELS} are the most.`);
    return [];
  }

  return { text, count, labels, incomplete, faults };
}

/** Nothing: all is left as the operator says. */
function imageOf(
  name: string,
  labels: readonly string[],
  hot: number | undefined,
): (readonly [string, ImageSettings])[] {
  if (labels.length === 0 && hot === undefined) return [];
  return [[name, { ...(labels.length > 0 && { labels }), ...(hot !== undefined && { hot }) }]];
}

const RULES: Readonly<Record<string, ForkRule | undefined>> = {
  "": undefined,
  refuse: "refuse",
  approve: "approve",
  allow: "allow",
};
