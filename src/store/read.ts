import { type Kysely, sql } from "kysely";
import type { Fact, SettingsFact } from "../core/facts.ts";
import type { Job, Machine, MachineName, RepoName } from "../core/types.ts";
import type { ClosedJob, Delivery, Lately, PastMachine, Store } from "../ports.ts";
import { inParts, LOG_POSITION, type Tables } from "./tables.ts";

/** All facts about one job or machine, oldest first. */
export async function factsAbout(
  db: Kysely<Tables>,
  about: { job: number } | { machine: MachineName },
): Promise<Fact[]> {
  const query = db.selectFrom("fact").select("doc").orderBy("at").orderBy("seq");
  const rows =
    "job" in about
      ? await query.where("job", "=", about.job).execute()
      : await query.where("machine", "=", about.machine).execute();
  return rows.map(({ doc }) => JSON.parse(doc) as Fact);
}

/** What was changed in a repository's settings, so many at most, the newest first. */
export async function readSettingsHistory(
  db: Kysely<Tables>,
  repo: RepoName,
  most: number,
): Promise<SettingsFact[]> {
  const rows = await db
    .selectFrom("settings_change")
    .select("doc")
    .where("repo", "=", repo.toLowerCase())
    .orderBy("seq", "desc")
    .limit(most)
    .execute();
  return rows.map(({ doc }) => JSON.parse(doc) as SettingsFact);
}

export async function findJob(db: Kysely<Tables>, id: number): Promise<Job | undefined> {
  const row = await db.selectFrom("job").select("doc").where("id", "=", id).executeTakeFirst();
  return row?.doc ? (JSON.parse(row.doc) as Job) : undefined;
}

export async function findMachine(db: Kysely<Tables>, name: MachineName): Promise<Machine | undefined> {
  const row = await db.selectFrom("machine").select("doc").where("name", "=", name).executeTakeFirst();
  return row && (JSON.parse(row.doc) as Machine);
}

/** What was over last, the newest first. */
export async function readLately(db: Kysely<Tables>, most: number): Promise<Lately> {
  const machines = await db
    .selectFrom("machine")
    .select("doc")
    .where("forgotten_at", "is not", null)
    .orderBy("forgotten_at", "desc")
    .limit(most)
    .execute();
  const { rows: rest } = await latelyInGeneral(most).execute(db);
  return {
    jobs: await readClosedJobs(db, { since: 0, most }),
    machines: machines.map(({ doc }) => JSON.parse(doc) as Machine),
    rest: rest.map(({ doc }) => JSON.parse(doc) as Fact),
  };
}

/** NB: left alone, SQLite takes the index of jobs, and looks at every fact that is about a machine only. */
const latelyInGeneral = (most: number) => sql<{ doc: string }>`
  select doc from fact indexed by fact_rest
  where job is null and machine is null
  order by seq desc
  limit ${most}`;

/** Jobs that were closed, newest first. NB: GitHub does not tell `Octo/Spinw` from `octo/spinw`. */
export async function readClosedJobs(
  db: Kysely<Tables>,
  { since, repo, before, most }: Parameters<Store["closedJobs"]>[0],
): Promise<ClosedJob[]> {
  const rows = await db
    .selectFrom("job")
    .select(["doc", "closed_at"])
    .where("closed_at", ">=", since)
    .where("doc", "is not", null)
    .$if(repo !== undefined, (query) =>
      query.where(({ fn, eb }) => eb(fn("lower", ["repo"]), "=", repo?.toLowerCase() ?? "")),
    )
    .$if(before !== undefined, (query) =>
      query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple("closed_at", "id"), "<", tuple(before?.closedAt ?? 0, before?.id ?? 0)),
      ),
    )
    .orderBy("closed_at", "desc")
    .orderBy("id", "desc")
    .limit(most)
    .$narrowType<{ doc: string; closed_at: number }>()
    .execute();
  return rows.map(({ doc, closed_at }) => ({ ...(JSON.parse(doc) as Job), closedAt: closed_at }));
}

/** Machines that were forgotten, oldest first. */
export async function readPastMachines(
  db: Kysely<Tables>,
  { since, after, most }: Parameters<Store["pastMachines"]>[0],
): Promise<PastMachine[]> {
  const rows = await db
    .selectFrom("machine")
    .select(["doc", "forgotten_at"])
    .where("forgotten_at", ">=", since)
    .$if(after !== undefined, (query) =>
      query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple("forgotten_at", "name"), ">", tuple(after?.forgottenAt ?? 0, after?.name ?? "")),
      ),
    )
    .orderBy("forgotten_at")
    .orderBy("name")
    .limit(most)
    .$narrowType<{ forgotten_at: number }>()
    .execute();
  return rows.map(({ doc, forgotten_at }) => ({
    ...(JSON.parse(doc) as Machine),
    forgottenAt: forgotten_at,
  }));
}

/** Those of the ids under which a webhook is kept. */
export async function knownDeliveries(db: Kysely<Tables>, ids: readonly string[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (const some of inParts(ids)) {
    const rows = await db.selectFrom("delivery").select("id").where("id", "in", some).execute();
    for (const { id } of rows) known.add(id);
  }
  return known;
}

/** How far the delivery log has been read. */
export async function readLogPosition(db: Kysely<Tables>): Promise<number | undefined> {
  const row = await db.selectFrom("meta").select("value").where("key", "=", LOG_POSITION).executeTakeFirst();
  return row && Number(row.value);
}

/** No limit at all. See: sqlite.org/lang_select.html, "The LIMIT clause". */
const ALL = -1;

/** Webhooks that were kept and not read, in the order in which they were kept. */
export async function unreadDeliveries(
  db: Kysely<Tables>,
  { except = [], most = ALL }: { except?: readonly string[]; most?: number } = {},
): Promise<Delivery[]> {
  const rows = await db
    .selectFrom("delivery")
    .select(["id", "event", "payload", "received_at"])
    .where("read_at", "is", null)
    .where("id", "not in", except)
    .orderBy("seq")
    .limit(most)
    .execute();
  return rows.map(({ received_at, ...delivery }) => ({ ...delivery, receivedAt: received_at }));
}
