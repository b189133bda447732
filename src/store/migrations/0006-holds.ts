import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Of which pools the next machine that fails is to be held. */
export const holds: Migration = {
  // biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the tables as they are today
  async up(db: Kysely<any>) {
    await db.schema
      .createTable("hold")
      .addColumn("pool", "text", (column) => column.primaryKey())
      .addColumn("doc", "text", (column) => column.notNull())
      .execute();
  },
};
