import { readFileSync } from "node:fs";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import formats from "ajv-formats";

/** Reads GitHub's API description (the cut under openapi/) and makes checkers of it. Nothing here knows the emulator. */

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** One REST operation, ready to check. A checker answers with what is wrong, in words; with nothing when all is well. */
export type Operation = {
  id: string;
  method: Method;
  /** With parameters in braces, as GitHub writes it. */
  path: string;
  declares(status: number): boolean;
  /** Checks path and query, and turns texts into numbers in place where the schema asks for numbers. */
  checkParameters(path: Record<string, unknown>, query: Record<string, unknown>): string | undefined;
  checkBody(sent: unknown): string | undefined;
  checkAnswer(status: number, body: unknown): string | undefined;
};

type Tree = { [key: string]: unknown };

const METHODS: Method[] = ["get", "post", "put", "patch", "delete"];

/** Every operation of the cut. Schemas are compiled when they are first needed. */
export function loadOperations(): Operation[] {
  return Object.entries(tree(rest.paths)).flatMap(([path, item]) =>
    METHODS.filter((method) => tree(item)[method] !== undefined).map((method) => operation(method, path)),
  );
}

/** What is wrong with a webhook of this name (`workflow-job-queued`), or nothing. */
export function checkWebhook(name: string, payload: unknown): string | undefined {
  const webhook = tree(webhooks.webhooks)[name];
  if (webhook === undefined) return `${name} is no webhook of GitHub's`;
  return check(exact, schemaOf(tree(tree(webhook).post).requestBody), payload);
}

function operation(method: Method, path: string): Operation {
  const source = tree(tree(tree(rest.paths)[path])[method]);
  const responses = tree(source.responses);
  const parameters = list(source.parameters).map(resolve);
  const inPath = parameterSchema(parameters.filter((parameter) => parameter.in === "path"));
  const inQuery = parameterSchema(parameters.filter((parameter) => parameter.in === "query"));
  return {
    id: String(source.operationId),
    method,
    path,
    declares: (status) => responses[status] !== undefined,
    checkParameters: (givenPath, givenQuery) =>
      saying("path", check(fromText, inPath, givenPath)) ??
      saying("query", check(fromText, inQuery, givenQuery)),
    checkBody: (sent) => saying("body", checkBody(source.requestBody, sent)),
    checkAnswer: (status, body) => saying("answer", checkAnswer(responses[status], body)),
  };
}

/** NB: stricter than GitHub, which ignores a query key that it does not know. Here it would be a slip of ours. */
const parameterSchema = (parameters: Tree[]): Tree => ({
  type: "object",
  properties: Object.fromEntries(parameters.map((parameter) => [String(parameter.name), parameter.schema])),
  required: parameters.filter((parameter) => parameter.required === true).map((parameter) => parameter.name),
  additionalProperties: false,
});

function checkBody(declared: unknown, sent: unknown): string | undefined {
  const body = declared === undefined ? undefined : resolve(declared);
  if (sent === undefined) return body?.required === true ? "is needed" : undefined;
  if (body === undefined)
    return Object.keys(tree(sent)).length === 0 ? undefined : "is not taken by this operation";
  const expected = schemaOf(body);
  return check(exact, expected, sent) ?? unknownKeys(expected, sent);
}

/** NB: stricter than GitHub here too. */
function unknownKeys(expected: Tree | undefined, sent: unknown): string | undefined {
  const known = expected?.properties;
  if (known === undefined || sent === null) return undefined;
  const unknown = Object.keys(tree(sent)).filter((key) => tree(known)[key] === undefined);
  return unknown.length === 0 ? undefined : `has keys that GitHub does not know: ${unknown.join(", ")}`;
}

function checkAnswer(declared: unknown, body: unknown): string | undefined {
  const expected = schemaOf(declared ?? {});
  if (expected !== undefined) return check(exact, expected, body);
  return body === undefined ? undefined : "should have no body";
}

const saying = (place: string, wrong: string | undefined): string | undefined => wrong && `${place} ${wrong}`;

/** The schema of the JSON content of a request body or a response. */
function schemaOf(holder: unknown): Tree | undefined {
  const content = tree(resolve(holder).content ?? {})["application/json"];
  return content === undefined ? undefined : tree(tree(content).schema);
}

const compiled = new WeakMap<Tree, ValidateFunction>();

function check(ajv: Ajv, expected: Tree | undefined, value: unknown): string | undefined {
  if (expected === undefined) return undefined;
  const validate = compiled.get(expected) ?? ajv.compile(expected);
  compiled.set(expected, validate);
  return validate(value) ? undefined : inWords(validate.errors ?? []);
}

function inWords(errors: ErrorObject[]): string {
  const words = errors.map((error) => {
    const detail = Object.values(error.params).join(", ");
    return `${error.instancePath} ${error.message ?? error.keyword}${detail === "" ? "" : ` (${detail})`}`.trim();
  });
  return words.slice(0, 5).join("; ");
}

/** Follows a reference to its target. */
function resolve(node: unknown): Tree {
  const found = tree(node);
  if (typeof found.$ref !== "string") return found;
  const [file, pointer = ""] = found.$ref.split("#");
  let target: unknown = file === "rest.json" ? rest : webhooks;
  for (const part of pointer.split("/").slice(1)) target = tree(target)[part];
  return resolve(target);
}

/** Reads a description and makes its schemas plain JSON Schemas whose references say which file they mean. */
function read(file: string): Tree {
  const text = readFileSync(new URL(`openapi/${file}`, import.meta.url), "utf8");
  return tree(plain(JSON.parse(text), file));
}

function plain(node: unknown, file: string): unknown {
  if (Array.isArray(node)) return node.map((entry) => plain(entry, file));
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(([key, value]): [string, unknown] =>
    key === "$ref" ? [key, `${file}${value}`] : [key, plain(value, file)],
  );
  const { nullable, ...schema } = Object.fromEntries(entries);
  // NB: OpenAPI 3.0 says `nullable: true` where JSON Schema has the type null, also beside an enum or a reference.
  return nullable === true ? { anyOf: [{ type: "null" }, schema] } : Object.fromEntries(entries);
}

function tree(node: unknown): Tree {
  if (typeof node !== "object" || node === null || Array.isArray(node)) {
    throw new Error(`not an object: ${JSON.stringify(node)}`);
  }
  return node as Tree;
}

/**
 * NB: in one list GitHub's description asks for an account that is a user and an enterprise at once, which its own example is not
 * either. The list's entries are what "Get an installation" answers. And it has no run whose head repository was deleted.
 */
function corrected(description: Tree): Tree {
  const listing = tree(tree(tree(description.paths)["/app/installations"]).get);
  const content = tree(tree(resolve(tree(listing.responses)[200]).content)["application/json"]);
  content.schema = { type: "array", items: { $ref: "rest.json#/components/schemas/installation" } };
  const run = tree(tree(tree(tree(description.components).schemas)["workflow-run"]).properties);
  run.head_repository = { anyOf: [{ type: "null" }, run.head_repository] };
  return description;
}

const list = (node: unknown): unknown[] => (Array.isArray(node) ? node : []);

function checker(coerceTypes: boolean): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false, coerceTypes });
  formats.default(ajv);
  ajv.addSchema(rest, "rest.json");
  ajv.addSchema(webhooks, "webhooks.json");
  return ajv;
}

const rest = corrected(read("rest.json"));
const webhooks = read("webhooks.json");
/** NB: parameters come as text, so numbers may be made of text for them; bodies are checked as they are. */
const fromText = checker(true);
const exact = checker(false);
