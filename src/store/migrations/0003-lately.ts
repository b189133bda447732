import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** What the pages ask for: facts that are about no one job or machine. They are few among very many. */
export const lately: Migration = {
  // biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the tables as they are today
  async up(db: Kysely<any>) {
    await db.schema
      .createIndex("fact_rest")
      .on("fact")
      .column("seq")
      .where(sql.ref("job"), "is", null)
      .where(sql.ref("machine"), "is", null)
      .execute();
  },
};
