import type { Kysely } from "kysely";
import type { Fact } from "../core/facts.ts";
import type { MachineName } from "../core/types.ts";
import type { Delivery } from "../ports.ts";
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
