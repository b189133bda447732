import type { operations } from "@octokit/openapi-types";
import type { Plain } from "../payloads/schema.ts";

/** GitHub's own types of its operations, so that an answer that drifts from them does not compile. */
export type OperationId = keyof operations;

type Content<Response> = Response extends { content: { "application/json": infer Body } } ? Body : undefined;

type Declared<Id extends OperationId> = {
  [Status in keyof operations[Id]["responses"] & number]: {
    status: Status;
    body: Content<operations[Id]["responses"][Status]>;
    headers?: Record<string, string>;
  };
}[keyof operations[Id]["responses"] & number];

/** An error that every operation may answer. */
export type Refusal = { status: RefusalStatus; body: ErrorBody; headers?: Record<string, string> };
export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 422 | 429 | 500;
type ErrorBody = { message: string; documentation_url: string; status?: string; errors?: string[] };

export type Answer<Id extends OperationId> = Declared<Id> | Refusal;

/** See: docs.github.com, "Troubleshooting the REST API", for the form of errors. */
export const refuse = (
  status: RefusalStatus,
  message: string,
  headers?: Record<string, string>,
): Refusal => ({
  status,
  body: { message, documentation_url: "https://docs.github.com/rest", status: String(status) },
  ...(headers && { headers }),
});

export const notFound = (): Refusal => refuse(404, "Not Found");

export const isRefusal = (value: object): value is Refusal => "status" in value && "body" in value;

type Parameters<Id extends OperationId, Place extends "path" | "query"> = operations[Id] extends {
  parameters: { [P in Place]?: infer Given };
}
  ? Plain<NonNullable<Given>>
  : Record<never, never>;

type Body<Id extends OperationId> = operations[Id] extends {
  requestBody: { content: { "application/json": infer Sent } };
}
  ? Sent
  : operations[Id] extends { requestBody?: { content: { "application/json": infer Sent } } | undefined }
    ? Sent | undefined
    : undefined;

/** A checked request: everything in it fits GitHub's description of the operation. */
export type Request<Id extends OperationId> = {
  path: Parameters<Id, "path">;
  query: Parameters<Id, "query">;
  body: Plain<Body<Id>>;
  /** The address asked, for links to other pages of a list. */
  url: URL;
};
