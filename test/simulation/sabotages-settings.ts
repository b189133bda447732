import type { Sabotage } from "./sabotages.ts";

/** Of what admins set for their repositories. */
export const SETTINGS_SABOTAGES: readonly Sabotage[] = [
  {
    name: "settings are kept and not heeded",
    file: "src/reconcile.ts",
    find: "catalogue: settle(store.state.settings),",
    replace: "catalogue: parts.catalogue,",
  },
  {
    name: "machines are ordered for a repository that its admins paused",
    file: "src/core/pools.ts",
    find: "if (repository.isPaused)",
    replace: "if (repository.isPaused && room.now < 0)",
  },
  {
    name: "admins may have more machines than the operator allows",
    file: "src/core/settings.ts",
    find: "machines: Math.min(machines ?? given.machines, given.machines),",
    replace: "machines: machines ?? given.machines,",
  },
  {
    name: "admins may keep more machines hot than the operator allows",
    file: "src/core/settings.ts",
    find: "Math.min(one.hot ?? hotOf(given, name), bounds.hot(name))",
    replace: "one.hot ?? hotOf(given, name)",
  },
  {
    name: "a repository's own label leads nowhere",
    file: "src/core/labels.ts",
    find: "return image ? withLabels(image, repository.labels?.[name] ?? []) : [];",
    replace: "return image ?? [];",
  },
  {
    name: "an image that is given a label loses jobs to another",
    file: "src/core/labels.ts",
    find: "givenOf(a) - givenOf(b) ||",
    replace: "0 * (givenOf(a) - givenOf(b)) ||",
  },
  {
    name: "admins may let forks in that the operator keeps out",
    file: "src/core/settings.ts",
    find: "forks: forks !== undefined && bounds.forks.includes(forks) ? forks : given.forks,",
    replace: "forks: forks ?? given.forks,",
  },
  {
    name: "a page overrules a file",
    file: "src/core/settings.ts",
    find: "if (file?.settings) return",
    replace: "if (file?.settings && !page) return",
  },
  {
    name: "the second of two admins undoes what the first has saved",
    file: "src/core/apply-settings.ts",
    find: "return version === versionOf(before) + 1 ?",
    replace: "return version > 0 ?",
  },
  {
    name: "a runner lacks the labels of its repository's own",
    file: "src/act.ts",
    find: "const { labels } = image;",
    replace: "const labels = image.labels.slice(0, 2);",
  },
];
