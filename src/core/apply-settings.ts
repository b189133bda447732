import type { SettingsFact } from "./facts.ts";
import type { AllSettings, FileSettings, PageSettings, RepoSettings } from "./settings.ts";

/** Folds a fact about settings. One that was told before, or that is not the next version, changes nothing: the same map is answered. */
export function changeSettings(all: AllSettings, fact: SettingsFact): AllSettings {
  const key = fact.repo.toLowerCase();
  const before = all.get(key) ?? {};
  const after = fact.kind === "settings-saved" ? save(before, fact) : readFile(before, fact);
  return after === before ? all : new Map(all).set(key, after);
}

function save(
  before: RepoSettings,
  { settings, version, at, by }: Extract<SettingsFact, { kind: "settings-saved" }>,
): RepoSettings {
  const page: PageSettings = { settings, version, at, by };
  return version === versionOf(before) + 1 ? { ...before, page } : before;
}

/** 0: nothing was saved yet. */
export const versionOf = ({ page }: RepoSettings): number => page?.version ?? 0;

function readFile(
  before: RepoSettings,
  { sha, at, settings, faults }: Extract<SettingsFact, { kind: "settings-file" }>,
): RepoSettings {
  const known = before.file;
  if (!settings && !faults) return known ? { ...before, file: undefined } : before;
  const file: FileSettings = { sha, at, settings: settings ?? known?.settings, faults };
  return known && isSame(known, file) ? before : { ...before, file };
}

const isSame = ({ at: _, ...known }: FileSettings, { at: __, ...file }: FileSettings): boolean =>
  JSON.stringify(known) === JSON.stringify(file);
