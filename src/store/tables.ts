import type { Generated } from "kysely";

/**
 * The tables as they are after the last migration. Times are epoch milliseconds. `doc` is the whole record as JSON; the other
 * columns repeat what is searched for.
 */
export type Tables = {
  job: JobRow;
  machine: MachineRow;
  fact: FactRow & { seq: Generated<number> };
  delivery: DeliveryRow & { seq: Generated<number> };
  drained_host: { name: string; at: number };
  /** Repositories, in lower case, or all of them (`*`). */
  paused_repository: { name: string; at: number };
  /** Repositories, in lower case, on which the App is not installed, or suspended. */
  revoked_repository: { name: string; at: number };
  limited_installation: { id: number; at: number; until: number };
  run: RunRow;
  /** Repositories in lower case. */
  settings: { repo: string; doc: string };
  /** The facts about settings once more, since these are never deleted. */
  settings_change: { seq: Generated<number>; repo: string; doc: string };
  /** Pools as `poolKey` names them. */
  hold: { pool: string; doc: string };
  /** Candidates as `trialKey` names them. */
  trial: { candidate: string; doc: string };
  meta: { key: string; value: string };
};

/** NB: a job that was closed without ever having been open here is an id and a time, nothing else. */
export type JobRow = {
  id: number;
  repo: string | null;
  status: string | null;
  closed_at: number | null;
  doc: string | null;
};

export type MachineRow = {
  name: string;
  repo: string;
  image: string;
  host: string;
  forgotten_at: number | null;
  doc: string;
};

/** One attempt of a run. */
export type RunRow = { id: number; attempt: number; at: number; doc: string };

export type FactRow = { at: number; kind: string; job: number | null; machine: string | null; doc: string };

export type DeliveryRow = {
  id: string;
  event: string;
  payload: string;
  received_at: number;
  read_at: number | null;
};

/** The key in `meta` of how far the delivery log has been read. */
export const LOG_POSITION = "log-position";

/** NB: SQLite takes at most 32,766 values in one statement; no row has more than six. */
const ROWS_AT_ONCE = 1000;

export function* inParts<T>(rows: readonly T[]): Generator<T[]> {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) yield rows.slice(from, from + ROWS_AT_ONCE);
}
