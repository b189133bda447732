import Database from "better-sqlite3";
import { Kysely, sql } from "kysely";
import { expect, test } from "vitest";
import { sqliteDialect } from "../../src/store/dialect.ts";

test("a full disk is called full, although SQLite has rolled back by itself", async () => {
  const database = new Database(":memory:");
  const db = new Kysely<Record<string, never>>({ dialect: sqliteDialect(database) });
  await sql`create table heap (text)`.execute(db);
  database.pragma("max_page_count = 10");

  const write = db.transaction().execute(async (transaction) => {
    for (let row = 0; row < 100; row += 1) {
      await sql`insert into heap values (${"x".repeat(4000)})`.execute(transaction);
    }
  });

  await expect(write).rejects.toThrow("database or disk is full");
  const { rows } = await sql`select count(*) as kept from heap`.execute(db);
  expect(rows).toEqual([{ kept: 0 }]);
  await db.destroy();
});
