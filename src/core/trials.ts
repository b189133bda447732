import type { CanaryRule, CloudImageSeen } from "./clouds.ts";
import type { Fact, State } from "./facts.ts";
import type { Host, Image, Job, Machine } from "./types.ts";
import type { Draft, World } from "./world.ts";

/**
 * How a candidate does, the cloud image that is tried on a share of the jobs before it becomes the current one.
 * `good`: its machines whose guest asked for work, and that have not failed since; `failed`: those that failed before they had work.
 */
export type Trial = { good: number; failed: number; verdict?: Verdict | undefined };

export type Verdict = "promoted" | "turned-back";

export const trialKey = (host: string, cloudImage: string): string => `${host} ${cloudImage}`;

const NEW_TRIAL: Trial = { good: 0, failed: 0 };

export const trialOf = ({ trials }: Pick<State, "trials">, host: string, cloudImage: string): Trial =>
  trials.get(trialKey(host, cloudImage)) ?? NEW_TRIAL;

/** A machine of a candidate asked for work for the first time, or failed, or it was decided about the candidate. */
export function changeTrial(state: State, fact: Fact): void {
  if (fact.kind === "trial-forgotten") return void state.trials.delete(trialKey(fact.host, fact.cloudImage));
  if (fact.kind === "trial-ended")
    return change(state, fact, (trial) => ({ ...trial, verdict: trial.verdict ?? fact.verdict }));
  const machine = "machine" in fact ? state.machines.get(fact.machine) : undefined;
  if (machine?.trial === undefined) return;
  const subject = { host: machine.host, cloudImage: machine.trial };
  const hadAsked = machine.askedAt !== undefined;
  if (fact.kind === "guest-asked" && !hadAsked)
    change(state, subject, (trial) => ({ ...trial, good: trial.good + 1 }));
  if (fact.kind === "machine-retired" && fact.failure && !machine.retired && machine.workingAt === undefined)
    change(state, subject, (trial) => ({
      ...trial,
      good: trial.good - (hadAsked ? 1 : 0),
      failed: trial.failed + 1,
    }));
}

function change(
  state: State,
  { host, cloudImage }: { host: string; cloudImage: string },
  how: (trial: Trial) => Trial,
): void {
  state.trials.set(trialKey(host, cloudImage), how(trialOf(state, host, cloudImage)));
}

/** The candidate to make one more machine from, if it is to be tried on this one. `forJob`: the job that it is made for. */
export function candidateFor(
  { host, image, forJob }: { host: Host; image: Image; forJob: Job | undefined },
  name: string,
  { world, draft }: { world: World; draft: Draft },
): string | undefined {
  const canary = image.cloudImage?.canary;
  const candidate = untriedCandidate(image, host.name, world);
  if (!canary || !candidate) return undefined;
  // NB: where there is nothing else any more, the candidate is what all machines are made from.
  if (isCurrentOver(image, host.name, world)) return candidate.id;
  // NB: a job that lost a machine already is to run, and not to try something.
  if ((forJob?.failed?.length ?? 0) > 0 || !isChosen(name, canary)) return undefined;
  const onItsWay = untried(host.name, candidate.id, { world, draft });
  const { good } = trialOf(world.state, host.name, candidate.id);
  return good + onItsWay < canary.boots ? candidate.id : undefined;
}

type Images = Pick<World, "cloudImages" | "now"> & { state: Pick<State, "trials"> };

/** The current cloud image has an end, and that is over. */
export const isCurrentOver = (
  { cloudImage }: Image,
  host: string,
  { cloudImages, now }: Pick<Images, "cloudImages" | "now">,
): boolean =>
  (cloudImages.get(host) ?? []).some(
    ({ family, standing, expiresAt }) =>
      family === cloudImage?.family && standing === "current" && expiresAt !== undefined && expiresAt <= now,
  );

/** The newest candidate for the image about which nothing was decided, on a host that also has a current one. */
export function untriedCandidate(
  { cloudImage }: Image,
  host: string,
  { cloudImages, now, state }: Images,
): CloudImageSeen | undefined {
  if (!cloudImage?.canary) return undefined;
  const mine = (cloudImages.get(host) ?? []).filter(({ family }) => family === cloudImage.family);
  if (!mine.some(({ standing }) => standing === "current")) return undefined;
  const candidate = mine
    .filter(
      ({ standing, expiresAt = Number.POSITIVE_INFINITY }) => standing === "candidate" && expiresAt > now,
    )
    .toSorted((a, b) => (b.builtAt ?? 0) - (a.builtAt ?? 0))[0];
  return candidate && trialOf(state, host, candidate.id).verdict === undefined ? candidate : undefined;
}

/** NB: the core asks no chance; names are made by chance, so a digest of them is as good. */
function isChosen(name: string, { share }: CanaryRule): boolean {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index += 1)
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % 100 < share;
}

/** Machines of the candidate of which nobody knows yet whether they boot, also those that this pass orders. */
function untried(host: string, cloudImage: string, { world, draft }: { world: World; draft: Draft }): number {
  const isUntried = (machine: Machine) =>
    machine.host === host &&
    machine.trial === cloudImage &&
    machine.askedAt === undefined &&
    !machine.retired;
  const ordered = draft.facts.filter(
    (fact) => fact.kind === "machine-created" && fact.host === host && fact.trial === cloudImage,
  );
  return [...world.state.machines.values()].filter(isUntried).length + ordered.length;
}

/** Whoever makes a candidate of an image that was put away wants it to be tried anew. */
function forgetOld(world: World, draft: Draft): void {
  for (const [host, images] of world.cloudImages) {
    for (const { id: cloudImage, standing } of images) {
      if (standing === "old" && world.state.trials.has(trialKey(host, cloudImage)))
        draft.facts.push({ kind: "trial-forgotten", at: world.now, host, cloudImage });
    }
  }
}

/** Makes a candidate that did well the current one, and turns back one that did not. */
export function planTrials(world: World, draft: Draft): void {
  forgetOld(world, draft);
  const planned = new Set<string>();
  for (const { cloudImage, hosts } of world.catalogue.images) {
    if (!cloudImage?.canary) continue;
    for (const host of hosts) {
      for (const { family, id, standing } of world.cloudImages.get(host) ?? []) {
        if (family !== cloudImage.family || standing !== "candidate" || planned.has(trialKey(host, id)))
          continue;
        planned.add(trialKey(host, id));
        const verdict = verdictOn(trialOf(world.state, host, id), cloudImage.canary);
        if (verdict) draft.effects.push({ do: "end-trial", host, family, cloudImage: id, verdict });
      }
    }
  }
}

/** NB: failures count first: a candidate that boots now and then is no good. */
function verdictOn({ good, failed, verdict }: Trial, { boots, failures }: CanaryRule): Verdict | undefined {
  if (verdict !== undefined) return undefined;
  if (failed >= failures) return "turned-back";
  return good >= boots ? "promoted" : undefined;
}
