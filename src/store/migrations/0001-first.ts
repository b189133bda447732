import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** A migration must not depend on the tables as they are today. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyTables = Kysely<any>;

/** The first tables. A migration that was released is never changed: write another one. */
export const first: Migration = {
  async up(db: AnyTables) {
    await createJobs(db);
    await createMachines(db);
    await createFacts(db);
    await createDeliveries(db);
    await createTheRest(db);
  },
};

async function createJobs(db: AnyTables): Promise<void> {
  await db.schema
    .createTable("job")
    .addColumn("id", "integer", (column) => column.primaryKey())
    .addColumn("repo", "text")
    .addColumn("status", "text")
    .addColumn("closed_at", "integer")
    .addColumn("doc", "text")
    .execute();
  await db.schema.createIndex("job_closed").on("job").column("closed_at").execute();
}

async function createMachines(db: AnyTables): Promise<void> {
  await db.schema
    .createTable("machine")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("repo", "text", (column) => column.notNull())
    .addColumn("image", "text", (column) => column.notNull())
    .addColumn("host", "text", (column) => column.notNull())
    .addColumn("forgotten_at", "integer")
    .addColumn("doc", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("machine_forgotten").on("machine").column("forgotten_at").execute();
}

async function createFacts(db: AnyTables): Promise<void> {
  await db.schema
    .createTable("fact")
    .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("at", "integer", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("job", "integer")
    .addColumn("machine", "text")
    .addColumn("doc", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("fact_at").on("fact").column("at").execute();
  await db.schema.createIndex("fact_job").on("fact").column("job").execute();
  await db.schema.createIndex("fact_machine").on("fact").column("machine").execute();
}

async function createDeliveries(db: AnyTables): Promise<void> {
  await db.schema
    .createTable("delivery")
    .addColumn("seq", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("id", "text", (column) => column.notNull().unique())
    .addColumn("event", "text", (column) => column.notNull())
    .addColumn("payload", "text", (column) => column.notNull())
    .addColumn("received_at", "integer", (column) => column.notNull())
    .addColumn("read_at", "integer")
    .execute();
  await db.schema.createIndex("delivery_received").on("delivery").column("received_at").execute();
  await db.schema
    .createIndex("delivery_unread")
    .on("delivery")
    .column("seq")
    .where(sql.ref("read_at"), "is", null)
    .execute();
}

async function createTheRest(db: AnyTables): Promise<void> {
  await db.schema
    .createTable("drained_host")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("at", "integer", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("meta")
    .addColumn("key", "text", (column) => column.primaryKey())
    .addColumn("value", "text", (column) => column.notNull())
    .execute();
}
