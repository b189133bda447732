import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** How candidates do: cloud images that are tried on a share of the jobs. */
export const trials: Migration = {
  // biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the tables as they are today
  async up(db: Kysely<any>) {
    await db.schema
      .createTable("trial")
      .addColumn("candidate", "text", (column) => column.primaryKey())
      .addColumn("doc", "text", (column) => column.notNull())
      .execute();
  },
};
