import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { Store } from "../../src/ports.ts";
import { openStore, type StoreOptions } from "../../src/store/sqlite.ts";
import { NOW } from "../support/build.ts";

/** A folder for one test's store, and a controller's name that no other test has. */
export function storeFolder(): {
  options: StoreOptions;
  open: (changes?: Partial<StoreOptions>) => Promise<Store>;
} {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-store-"));
  const options: StoreOptions = {
    file: join(folder, "mayfly.sqlite"),
    controller: `t${randomBytes(5).toString("hex")}`,
    now: () => NOW,
    log: pino({ level: "silent" }),
  };
  const opened: Store[] = [];
  onTestFinished(async () => {
    for (const store of opened) await store.close();
    rmSync(folder, { recursive: true });
  });
  return {
    options,
    open: async (changes) => {
      const store = await openStore({ ...options, ...changes });
      opened.push(store);
      return store;
    },
  };
}
