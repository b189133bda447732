import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** What the rule for forks knows of runs: where they come from, and who let them run. */
export const runs: Migration = {
  // biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the tables as they are today
  async up(db: Kysely<any>) {
    await db.schema
      .createTable("run")
      .addColumn("id", "integer", (column) => column.notNull())
      .addColumn("attempt", "integer", (column) => column.notNull())
      .addColumn("at", "integer", (column) => column.notNull())
      .addColumn("doc", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("run_attempt", ["id", "attempt"])
      .execute();
    await db.schema.createIndex("run_at").on("run").column("at").execute();
  },
};
