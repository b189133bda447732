import type { Kysely } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { SetupError } from "../ports.ts";
import { first } from "./migrations/0001-first.ts";
import { access } from "./migrations/0002-access.ts";
import { pages } from "./migrations/0003-pages.ts";
import { runs } from "./migrations/0004-runs.ts";
import { settings } from "./migrations/0005-settings.ts";
import { holds } from "./migrations/0006-holds.ts";
import { trials } from "./migrations/0007-trials.ts";
import type { Tables } from "./tables.ts";

/** In order of their names. Add a line for each new one; the names are in every operator's file, so they never change. */
const MIGRATIONS: Record<string, Migration> = {
  "0001-first": first,
  "0002-access": access,
  "0003-pages": pages,
  "0004-runs": runs,
  "0005-settings": settings,
  "0006-holds": holds,
  "0007-trials": trials,
};

/**
 * Brings the tables up to date, all of it in one transaction. Answers the names of the migrations that ran.
 * Throws `SetupError` when the file was written by a later version.
 */
export async function migrate(db: Kysely<Tables>, file: string): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return (results ?? []).map(({ migrationName }) => migrationName);
  // See: kysely, Migrator, which says so and gives no code.
  if (error instanceof Error && /previously executed migration .* is missing/.test(error.message)) {
    throw new SetupError(
      `${file} was written by a later version of Mayfly. Install that version or a later one, or restore a copy of the file from before the upgrade.`,
    );
  }
  throw error;
}
