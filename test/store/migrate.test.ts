import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { Kysely } from "kysely";
import { describe, expect, test } from "vitest";
import { sqliteDialect } from "../../src/store/dialect.ts";
import { migrate } from "../../src/store/migrate.ts";
import type { Tables } from "../../src/store/tables.ts";
import { M1, M2, NOW } from "../support/build.ts";
import { created, delivery, failed, seen } from "../support/facts.ts";
import { storeFolder } from "./folder.ts";

const V2 = fileURLToPath(new URL("fixtures/v2.sqlite", import.meta.url));
const V1 = fileURLToPath(new URL("fixtures/v1.sqlite", import.meta.url));

describe("a store that version 0.1 left", () => {
  test("is opened with all that is in it", async () => {
    const { options, open } = storeFolder();
    copyFileSync(V1, options.file);
    renameController(options.file, options.controller);

    const store = await open();

    expect([...store.state.jobs.keys()]).toEqual([1, 2]);
    expect(store.state.jobs.get(2)).toMatchObject({
      tries: 1,
      failure: { machine: M2, why: "boot-timeout" },
    });
    expect(store.state.machines).toEqual(
      new Map([[M1, expect.objectContaining({ forJob: 1, tokenHash: "0".repeat(64) })]]),
    );
    expect([...store.state.closed]).toEqual([3, 4]);
    expect([...store.state.drained]).toEqual(["lab2"]);
    expect(await store.unread()).toEqual([delivery("unread")]);
    expect(await store.history({ job: 2 })).toEqual([seen(2), created(M2, 2)]);
    expect(await store.history({ machine: M2 })).toContainEqual(failed(M2));
  });

  test("can be written to", async () => {
    const { options, open } = storeFolder();
    copyFileSync(V1, options.file);
    renameController(options.file, options.controller);
    const store = await open();

    await store.record([seen(9)]);
    const kept = await store.keep(delivery("read"));

    expect(kept).toBe("known");
    expect(store.state.jobs.has(9)).toBe(true);
  });
});

describe("a store that version 0.2 left", () => {
  test("is opened with all that is in it", async () => {
    const { options, open } = storeFolder();
    copyFileSync(V2, options.file);
    renameController(options.file, options.controller);

    const { state } = await open();

    expect([...state.jobs.keys()]).toEqual([1, 2]);
    expect(state.jobs.get(2)).toMatchObject({ gaveUpCause: "No machine for it came up." });
    expect([...state.machines.keys()]).toEqual([M1]);
    expect([...state.withoutAccess]).toEqual(["octo/gone"]);
    expect(state.limited).toEqual(new Map([[7, { at: NOW, until: NOW + 60_000 }]]));
  });
});

describe("a store that a later version left", () => {
  test("is refused, and says what to do", async () => {
    const { options, open } = storeFolder();
    copyFileSync(V1, options.file);
    const database = new Database(options.file);
    database.exec("insert into kysely_migration values ('9999-later', '2030-01-01T00:00:00.000Z')");
    database.close();

    await expect(open()).rejects.toThrow(
      `${options.file} was written by a later version of Mayfly. Install that version or a later one`,
    );
  });
});

describe("migrating", () => {
  test("runs nothing the second time", async () => {
    const db = new Kysely<Tables>({ dialect: sqliteDialect(new Database(":memory:")) });

    expect(await migrate(db, "a file")).toEqual([
      "0001-first",
      "0002-access",
      "0003-pages",
      "0004-runs",
      "0005-settings",
      "0006-holds",
      "0007-trials",
    ]);
    expect(await migrate(db, "a file")).toEqual([]);

    await db.destroy();
  });

  test("that fails in the middle leaves nothing behind", async () => {
    const database = new Database(":memory:");
    database.exec("create table drained_host (in_the_way)");
    const db = new Kysely<Tables>({ dialect: sqliteDialect(database) });

    await expect(migrate(db, "a file")).rejects.toThrow('table "drained_host" already exists');

    expect(database.prepare("select name from sqlite_master where name = 'job'").all()).toEqual([]);
    await db.destroy();
  });
});

function renameController(file: string, name: string): void {
  const database = new Database(file);
  database.prepare("update meta set value = ? where key = 'controller'").run(name);
  database.close();
}
