import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** What GitHub lets us do: repositories without the App, and installations that are limited. */
export const access: Migration = {
  // biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the tables as they are today
  async up(db: Kysely<any>) {
    await db.schema
      .createTable("revoked_repository")
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("at", "integer", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("limited_installation")
      .addColumn("id", "integer", (column) => column.primaryKey())
      .addColumn("at", "integer", (column) => column.notNull())
      .addColumn("until", "integer", (column) => column.notNull())
      .execute();
  },
};
