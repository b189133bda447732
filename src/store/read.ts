import type { Kysely } from "kysely";
import type { Fact } from "../core/facts.ts";
import type { MachineName } from "../core/types.ts";
import type { Delivery } from "../ports.ts";
import type { Tables } from "./tables.ts";

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

/** Webhooks that were kept and not read, in the order in which they were kept. */
export async function unreadDeliveries(db: Kysely<Tables>): Promise<Delivery[]> {
  const rows = await db
    .selectFrom("delivery")
    .select(["id", "event", "payload", "received_at"])
    .where("read_at", "is", null)
    .orderBy("seq")
    .execute();
  return rows.map(({ received_at, ...delivery }) => ({ ...delivery, receivedAt: received_at }));
}
