import type { Database } from "better-sqlite3";
import { type Dialect, SqliteAdapter, SqliteDriver, SqliteIntrospector, SqliteQueryCompiler } from "kysely";

/** Kysely's SQLite, with two things put right: migrations are transactions, and a failed commit says why it failed. */
export function sqliteDialect(database: Database): Dialect {
  return {
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => tolerantDriver(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

/** NB: SQLite can roll back a `create table`, which Kysely does not use: a kill in mid-migration would leave half of it. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/**
 * NB: on a full disk SQLite rolls back by itself. Kysely's own `rollback` then fails, and its error hides the cause.
 * See: sqlite.org/lang_transaction.html, "Response to errors within a transaction".
 */
function tolerantDriver(database: Database): SqliteDriver {
  const driver = new SqliteDriver({ database });
  const rollback = driver.rollbackTransaction.bind(driver);
  driver.rollbackTransaction = async (connection) => {
    if (database.inTransaction) await rollback(connection);
  };
  return driver;
}
