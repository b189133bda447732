import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { askController, tellController } from "../../src/control/client.ts";
import { startControl } from "../../src/control.ts";
import type { Fact } from "../../src/core/facts.ts";
import { settler } from "../../src/core/settings.ts";
import type { World } from "../../src/core/world.ts";
import type { Standing } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { aHost, aWorld, hours, NOW, type WorldParts } from "../support/build.ts";
import { keptLog } from "../support/log.ts";
import { fakeGitHub } from "../support/ring.ts";

/** The controller's socket on a store in memory, to be asked as the commands ask it. */

export const STANDING = {
  installation: 77,
  repositories: ["octo/spinw", "octo/other"],
  limitedUntil: NOW + 20_000,
};

type Parts = {
  facts?: Fact[];
  file?: string;
  isBroken?: boolean;
  world?: WorldParts;
  standing?: Standing[];
  setAside?: string[];
  /** Logs, by machine and file. */
  files?: Record<string, Record<string, string>>;
};

/** A controller that was told these facts. */
export const controller = (...facts: (Fact | "broken")[]) =>
  controllerIn(newFolder(), {
    facts: facts.filter((fact) => fact !== "broken"),
    isBroken: facts.includes("broken"),
  });

export async function controllerIn(folder: string, parts: Parts = {}) {
  const { facts = [], file = "control.sock", isBroken = false, files = {} } = parts;
  const store = memoryStore();
  await store.record(facts);
  const path = join(folder, file);
  const kept = keptLog();
  let rings = 0;
  const world = (): World => {
    if (isBroken) throw new Error("the world is broken");
    const given = aWorld({ catalogue: { hosts: [aHost()] }, ...parts.world });
    return { ...given, state: store.state, catalogue: settler(given.catalogue)(store.state.settings) };
  };
  const ring = () => {
    rings += 1;
  };
  const standing = () => parts.standing ?? [STANDING];
  const clock = { now: () => NOW, until: async () => {} };
  const filesOf = async ({ name }: { name: string }) => files[name] ?? {};
  const github = fakeGitHub();
  const setAside = () => parts.setAside ?? [];
  const asked = {
    store,
    world,
    github: github.port,
    standing,
    setAside,
    filesOf,
    historyMs: hours(24 * 100),
  };
  const all = { ...asked, path, ring, clock, log: kept.log };
  const { close } = await startControl(all);
  let isClosed = false;
  const closeOnce = async () => {
    if (!isClosed) await close();
    isClosed = true;
  };
  onTestFinished(closeOnce);
  return {
    store,
    github,
    path,
    close: closeOnce,
    rings: () => rings,
    log: kept.text,
    ask: (route: string) => askController(path, { method: "GET", path: route }),
    tell: (route: string, body?: unknown) => tellController(path, { method: "POST", path: route, body }),
  };
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-control-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
