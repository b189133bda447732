import type { components } from "@octokit/openapi-types";

/** NB: GitHub's types say `number | bigint` of ids; JSON brings numbers, and so do we. */
export type Plain<T> = T extends bigint ? never : T extends object ? { [Key in keyof T]: Plain<T[Key]> } : T;

/** GitHub's own type of a thing. */
export type Schema<Name extends keyof components["schemas"]> = Plain<components["schemas"][Name]>;
