/**
 * How a VM of the driver `fake` is to behave, written after the box's name as in an address:
 * `fake?bootMs=500`, `fake?hang`, `fake?dieMs=2000&bootMs=100`, `fake?fail=no+space+left`.
 */
export type Knobs = {
  /** How long the VM takes to boot. */
  bootMs: number;
  /** It boots, and its command is never started: nobody calls. */
  hang: boolean;
  /** It loses its power this long after it has booted. */
  dieMs?: number | undefined;
  /** How long it takes to be destroyed. */
  leaveMs: number;
  /** It cannot be made, and this is why. */
  fail?: string | undefined;
};

/** Reads the knobs from a box's name. Throws, with what to do, if one is not known or not a number. */
export function readKnobs(box: string): Knobs {
  const cut = box.indexOf("?");
  const given = new URLSearchParams(cut === -1 ? "" : box.slice(cut + 1));
  const unknown = Array.from(given.keys()).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) {
    throw new Error(`The driver "fake" has no knob "${unknown}". It has ${KNOWN.join(", ")}.`);
  }
  return {
    bootMs: readMs(given, "bootMs") ?? 0,
    hang: given.has("hang"),
    dieMs: readMs(given, "dieMs"),
    leaveMs: readMs(given, "leaveMs") ?? 0,
    fail: given.get("fail") ?? undefined,
  };
}

const KNOWN: readonly string[] = ["bootMs", "hang", "dieMs", "leaveMs", "fail"];

function readMs(given: URLSearchParams, key: string): number | undefined {
  const text = given.get(key);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw new Error(`The knob "${key}" wants whole milliseconds, and got "${text}".`);
  return Number(text);
}
