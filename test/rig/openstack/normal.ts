/**
 * Makes what a cloud said the same each time: ids, addresses, times and tokens are replaced by the first, second, … of their kind, and
 * the services' addresses by names.
 */
export type Normaliser = { text: (text: string) => string; value: <Value>(value: Value) => Value };

type Kind = { pattern: RegExp; of: (count: number) => string };

const hex = (count: number, length: number) => count.toString(16).padStart(length, "0");

const KINDS: readonly Kind[] = [
  { pattern: /A{100,}/g, of: () => "A…A" },
  { pattern: /gAAAAA[\w-]{20,}/g, of: (count) => `gAAAAAB-token-${count}` },
  { pattern: /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}/g, of: () => "2026-01-01T00:00:00.000000" },
  { pattern: /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/g, of: () => "2026-01-01T00:00:00" },
  {
    pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
    of: (count) => `00000000-0000-4000-8000-${hex(count, 12)}`,
  },
  { pattern: /\bfa:16:3e(:[0-9a-f]{2}){3}/g, of: (count) => `fa:16:3e:00:00:${hex(count, 2)}` },
  // NB: the gateway and the network's own range are the same in every rig.
  { pattern: /\b10\.11\.(?!0\.[12]\b|255\.254\b)\d+\.\d+\b(?!\/)/g, of: (count) => `10.11.0.${count + 1}` },
  { pattern: /\b203\.0\.113\.\d+\b(?!\/)/g, of: (count) => `203.0.113.${count + 1}` },
  { pattern: /\b[0-9a-f]{56}\b/g, of: (count) => hex(count, 56) },
  { pattern: /\b[0-9a-f]{32}\b/g, of: (count) => hex(count, 32) },
];

/** `names`: what stands for a text, such as a service's address. */
export function normaliser(names: Readonly<Record<string, string>>): Normaliser {
  const seen = KINDS.map(() => new Map<string, string>());

  function text(raw: string): string {
    const named = Object.entries(names).reduce((now, [from, to]) => now.replaceAll(from, to), raw);
    return KINDS.reduce((now, { pattern, of }, kind) => {
      const known = seen[kind] ?? new Map();
      return now.replace(pattern, (found) => {
        if (!known.has(found)) known.set(found, of(known.size + 1));
        return known.get(found);
      });
    }, named);
  }

  return { text, value: (value) => (value === undefined ? value : JSON.parse(text(JSON.stringify(value)))) };
}
