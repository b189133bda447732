import type { State } from "../../src/core/facts.ts";
import { inForce, type Settings } from "../../src/core/settings.ts";
import type { Image, RepoName } from "../../src/core/types.ts";
import type { Wish } from "./scenario.ts";
import { CATALOGUE, REPOS, type Sim } from "./sim.ts";

/** A label that leads to the first image, in a repository whose admins have set it. */
export const OWN_LABEL = "our-own";

export const SETTINGS: Readonly<Record<Wish, Settings>> = {
  pause: { paused: true },
  "one-machine": { machines: 1 },
  "too-much": { machines: 9, images: { plain: { hot: 9 } } },
  labels: { images: { plain: { labels: [OWN_LABEL] } } },
};

type Known = Pick<State, "settings" | "machines" | "jobs">;

/** What holds for a repository. NB: it is worked out here once more, so that the controller is not judged by its own word. */
export function rulesOf(repo: RepoName, { settings }: Pick<Known, "settings">) {
  const { paused = false, machines, images = {} } = inForce(settings, repo).settings;
  const given = CATALOGUE.repositories.find(({ name }) => name === repo);
  const most = given?.machines ?? 0;
  return {
    paused,
    machines: Math.min(machines ?? most, most),
    hot: (image: string) => Math.min(images[image]?.hot ?? 0, given?.mostHot?.[image] ?? 0),
    labelsOf: ({ name, labels }: Image) => [...labels, ...(images[name]?.labels ?? [])],
  };
}

/** What an admin has set holds for every machine that is ordered. */
export function checkOrder(name: string, state: Known, { violations }: Sim): void {
  const ordered = state.machines.get(name);
  const image = CATALOGUE.images.find((one) => one.name === ordered?.image);
  if (!ordered || !image) return;
  const { repo } = ordered;
  const { paused, machines, hot, labelsOf } = rulesOf(repo, state);
  const mine = [...state.machines.values()].filter((machine) => machine.repo === repo);
  const standing = mine.filter(({ destroyedAt }) => destroyedAt === undefined);
  if (paused || standing.length > machines)
    violations.push(`a machine was ordered for ${repo} against its settings`);
  const labels = labelsOf(image);
  const waiting = [...state.jobs.values()].filter(
    (job) =>
      job.repo === repo && job.status === "queued" && job.labels.every((label) => labels.includes(label)),
  );
  const ready = standing.filter(
    (machine) => machine.image === image.name && !machine.retired && machine.configuredAt === undefined,
  );
  if (ready.length > waiting.length + hot(image.name))
    violations.push(`${repo} has more machines of ${image.name} than its jobs and its operator allow`);
}

/** A runner answers to the labels of its image and to those that the repository's admins have added, and to nothing else. */
export function checkLabels(
  name: string,
  labels: readonly string[],
  state: Known,
  { violations }: Sim,
): void {
  const machine = state.machines.get(name);
  const image = CATALOGUE.images.find((one) => one.name === machine?.image);
  if (!machine || !image) return;
  const right = rulesOf(machine.repo, state).labelsOf(image).join();
  if (labels.join() !== right) violations.push(`${name} was registered with ${labels.join()}, not ${right}`);
}

export const repoAt = (index: number): RepoName => REPOS[index] ?? REPOS[0];
