import { versionOf } from "../core/apply-settings.ts";
import { findRepository } from "../core/labels.ts";
import { SETTINGS_FILE } from "../core/name.ts";
import { hasFile, type Settings } from "../core/settings.ts";
import { settingsFaults } from "../core/settings-faults.ts";
import type { RepoName } from "../core/types.ts";
import { type Told, unknownWords, type VerbParts } from "./verbs.ts";

export type Save = {
  repo: RepoName;
  settings: Settings;
  /** The version that the person had before their eyes; 0: nothing was saved yet. */
  basedOn: number;
  /** The person's login at GitHub. */
  by: string;
};

/** An admin's settings for a repository, checked once more against what the operator allows. */
export async function saveSettings({ repo, settings, basedOn, by }: Save, parts: VerbParts): Promise<Told> {
  const { store, world, clock, log, ring } = parts;
  const { catalogue } = world();
  const repository = findRepository(repo, catalogue);
  if (!repository) {
    const known = catalogue.repositories.map(({ name }) => name);
    return { status: 404, sentence: unknownWords("repository", repo, known) };
  }
  const { name } = repository;
  const saved = () => store.state.settings.get(name.toLowerCase()) ?? {};
  if (hasFile(store.state.settings, name))
    return refused(`The settings of ${name} are in its file ${SETTINGS_FILE}, so they are changed there.`);
  const [fault] = settingsFaults(settings, repository, catalogue);
  if (fault) return refused(fault.text);
  if (versionOf(saved()) !== basedOn) return refused(meanwhile(name));
  await store.record([
    { kind: "settings-saved", at: clock.now(), repo: name, settings, version: basedOn + 1, by },
  ]);
  // NB: of two that were saved at the same moment the first counts.
  if (saved().page?.settings !== settings) return refused(meanwhile(name));
  log.info({ repo: name, by }, "settings saved");
  ring();
  return { status: 200, sentence: `The settings of ${name} are saved, and in force.` };
}

const refused = (sentence: string): Told => ({ status: 409, sentence });

const meanwhile = (name: RepoName): string =>
  `Somebody else has changed the settings of ${name} meanwhile, so nothing was saved.`;
