import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** For the pages: what is paused there, and facts that are about no one job or machine, which are few among very many. */
export const pages: Migration = {
  // biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the tables as they are today
  async up(db: Kysely<any>) {
    await db.schema
      .createTable("paused_repository")
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("at", "integer", (column) => column.notNull())
      .execute();
    await db.schema
      .createIndex("fact_rest")
      .on("fact")
      .column("seq")
      .where(sql.ref("job"), "is", null)
      .where(sql.ref("machine"), "is", null)
      .execute();
  },
};
