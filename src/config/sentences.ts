import { z } from "zod";
import { nearestWord } from "../core/labels.ts";
import { CATALOGUE_SCHEMA } from "./schema.ts";
import type { Fault, Path, Source } from "./source.ts";

/** Keys that people put into the file although they are secret, and where they belong. */
const SECRETS: [RegExp, string][] = [
  [/client/i, "CLIENT_ID and CLIENT_SECRET"],
  [/app_?id/i, "APP_ID"],
  [/private_?key|pem/i, "PRIVATE_KEY_PATH"],
  [/secret/i, "WEBHOOK_SECRET"],
];
const SECRET_LIKE = /secret|token|password|credential|private_?key|app_?id|client_?id/i;

/** Nobody reads more of them, and finding the place of each takes longer the larger the file is. */
const MOST_FAULTS = 100;

/** What the schema has against the file, one sentence each. */
export function schemaFaults(source: Source, schema: z.ZodType = CATALOGUE_SCHEMA): Fault[] {
  const result = schema.safeParse(source.value, { reportInput: true });
  if (result.success) return [];
  return result.error.issues.slice(0, MOST_FAULTS).flatMap((issue) => faultsOf(issue, source, schema));
}

function faultsOf(issue: z.core.$ZodIssue, source: Source, schema: z.ZodType): Fault[] {
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(issue.path, schema);
    const keys = issue.keys.slice(0, MOST_FAULTS);
    return keys.map((key) => source.faultAtKey(issue.path, key, unknownKey(issue.path, key, known)));
  }
  const name = nameOf(issue.path);
  if (issue.input === undefined)
    return [source.fault(issue.path, `${name} is missing; it ${issue.message}.`)];
  return [source.fault(issue.path, `${name} ${issue.message}, not ${shown(issue.input)}.`)];
}

function unknownKey(path: Path, key: string, known: readonly string[]): string {
  const name = nameOf([...path, key]);
  if (SECRET_LIKE.test(key)) {
    const variable = SECRETS.find(([pattern]) => pattern.test(key))?.[1];
    const place = variable
      ? `set ${variable} in the environment of the service`
      : "the environment of the service is the place for it";
    return `${name} does not belong into this file, which others may read: ${place}.`;
  }
  const nearest = nearestWord(key, known);
  return `${name} is no known key; ${nearest ? `perhaps ${nearest} was meant.` : `known here are ${known.join(", ")}.`}`;
}

type SchemaNode = {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  additionalProperties?: SchemaNode | boolean;
};

function knownKeys(path: Path, schema: z.ZodType): string[] {
  let node: SchemaNode | undefined = z.toJSONSchema(schema, { io: "input", reused: "inline" }) as SchemaNode;
  for (const step of path) node = typeof step === "number" ? node?.items : below(node, String(step));
  return Object.keys(node?.properties ?? {});
}

function below(node: SchemaNode | undefined, key: string): SchemaNode | undefined {
  const other = node?.additionalProperties;
  return node?.properties?.[key] ?? (typeof other === "object" ? other : undefined);
}

/** `hosts[0].machines`. The file as a whole has the name `the file`. */
export function nameOf(path: Path): string {
  if (path.length === 0) return "the file";
  return path
    .map((step, index) =>
      typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${String(step)}`,
    )
    .join("");
}

function shown(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a mapping";
  const written = JSON.stringify(value);
  return written.length > 60 ? `${written.slice(0, 57)}…"` : written;
}
