import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** What admins set for their repositories, and who changed what: the few facts of it outlive all others. */
export const settings: Migration = {
  // biome-ignore lint/suspicious/noExplicitAny: a migration must not depend on the tables as they are today
  async up(db: Kysely<any>) {
    await db.schema
      .createTable("settings")
      .addColumn("repo", "text", (column) => column.primaryKey())
      .addColumn("doc", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("settings_change")
      .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
      .addColumn("repo", "text", (column) => column.notNull())
      .addColumn("doc", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createIndex("settings_change_repo")
      .on("settings_change")
      .columns(["repo", "seq"])
      .execute();
  },
};
