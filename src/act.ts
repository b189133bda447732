import type { Logger } from "pino";
import { withLimit } from "./clock.ts";
import { believeJob } from "./core/believe.ts";
import type { Fact } from "./core/facts.ts";
import { HOLD_MS, type HoldNext, holdOn } from "./core/holds.ts";
import { findRepository, imagesOf } from "./core/labels.ts";
import { lifeSecondsOf } from "./core/patience.ts";
import { report } from "./core/report.ts";
import { settler } from "./core/settings.ts";
import type { Catalogue, Failure, Host, Image, Machine, MachineName, Why } from "./core/types.ts";
import type { Effect } from "./core/world.ts";
import type { Observer } from "./observe.ts";
import {
  type Clock,
  type Driver,
  type GitHub,
  GitHubUnavailable,
  type Guests,
  NoRoom,
  type StartOrder,
  type Store,
} from "./ports.ts";
import { hashToken, makeToken } from "./token.ts";
import { bootTimes } from "./usual.ts";

export type ActorParts = {
  catalogue: Catalogue;
  drivers: ReadonlyMap<string, Driver>;
  github: GitHub;
  guests: Guests;
  store: Store;
  clock: Clock;
  log: Logger;
  observer: Observer;
  /** Certificate authority of the guest listener, PEM. */
  ca: string;
  /** Where the pages are that check runs lead to. */
  publicUrl?: string | undefined;
  /** Keeps what is known of a machine that failed. Answers the lines worth showing at once. */
  keepEvidence: (machine: Machine, files: Record<string, string>) => Promise<string>;
};

/**
 * Does one effect, and writes down what came of it. Answers `not-yet` when the world was not ready for it, and throws when
 * something failed: in both cases a later pass tries again.
 */
export type Actor = (effect: Effect) => Promise<"done" | "not-yet">;

const DRIVER_LIMIT_MS = 120_000;
const GITHUB_LIMIT_MS = 60_000;
const EVIDENCE_LIMIT_MS = 10_000;
const SEED_LIMIT_MS = 10_000;

export function actor(parts: ActorParts): Actor {
  const { store, clock, github, guests, observer, log } = parts;
  const since = clock.now();
  const settle = settler(parts.catalogue);
  const boots = bootTimes(store, clock);
  /**
   * Jobs whose check run may be there although it is not written down: an earlier process may have made it, or a call whose answer
   * was lost. NB: that a job is older than this process does not say it by itself: GitHub has another clock.
   */
  const attempted = new Set<number>(store.state.jobs.keys());
  const record = (...facts: Fact[]) => store.record(facts);
  const onGitHub = <T>(run: (signal: AbortSignal) => Promise<T>) => withLimit(clock, GITHUB_LIMIT_MS, run);

  async function start(machine: Machine): Promise<"done"> {
    const place = placeOf(machine, parts.catalogue);
    if (!place)
      return retire(machine, "boot-failed", `Its host or its image is not in the catalogue any more.`);
    const { host, image } = place;
    const token = makeToken();
    const lifeSeconds = lifeSecondsOf(image.limits);
    const seed = { machine: machine.name, url: host.guestUrl, ca: parts.ca, token, lifeSeconds };
    await record({
      kind: "machine-started",
      at: clock.now(),
      machine: machine.name,
      tokenHash: hashToken(token),
    });
    try {
      await withLimit(clock, DRIVER_LIMIT_MS, (signal) =>
        driverOf(machine, parts).start(orderOf(machine, { host, image, seed }), signal),
      );
    } catch (error) {
      if (error instanceof NoRoom) return await leaveFull(machine, error);
      log.warn({ machine: machine.name, err: error }, "the driver refused the order");
      await retire(machine, "boot-failed", messageOf(error));
    }
    return "done";
  }

  /** NB: it is nobody's failure: the job waits, and another machine is ordered when there may be room again. Nothing was made. */
  async function leaveFull(
    { name, host, image, createdAt: orderedAt }: Machine,
    { message: text, retryAt, isOfImage }: NoRoom,
  ): Promise<"done"> {
    observer.noteRefusal(host, { text, orderedAt, retryAt, ...(isOfImage && { image }) });
    await record(
      { kind: "machine-retired", at: clock.now(), machine: name, why: "no-room" },
      { kind: "vm-destroyed", at: clock.now(), machine: name },
    );
    return "done";
  }

  /** Registers a runner for a guest that asks, and hands it over. NB: a registration that cannot be handed over is taken back. */
  async function configure(machine: Machine): Promise<"done" | "not-yet"> {
    const { name } = machine;
    const catalogue = settle(store.state.settings);
    const repository = findRepository(machine.repo, catalogue);
    const image = repository && imagesOf(repository, catalogue).find((one) => one.name === machine.image);
    if (!guests.polling().has(name) || !repository || !image) return "not-yet";
    const { labels } = image;
    const [registration] = await Promise.all([
      onGitHub((signal) => github.register(repository, name, labels, signal)),
      dropSeed(machine),
    ]);
    if (registration === "taken") {
      log.warn({ machine: name }, "a runner of that name is listed already, it will be removed first");
      observer.askRunners([machine.repo]);
      return "not-yet";
    }
    const runnerId = registration.registration === "jit" ? registration.runnerId : undefined;
    if (!guests.polling().has(name) || store.state.machines.get(name)?.retired) {
      if (runnerId !== undefined) await onGitHub((signal) => github.remove(machine.repo, runnerId, signal));
      return "not-yet";
    }
    await record({ kind: "machine-configured", at: clock.now(), machine: name, runnerId });
    if (!guests.answer(name, registration))
      log.warn({ machine: name }, "the guest hung up before its answer");
    return "done";
  }

  /** NB: that it fails keeps no job waiting. By now the seed's token is good for reports of this machine only. */
  async function dropSeed(machine: Machine): Promise<void> {
    const driver = parts.drivers.get(machine.host);
    if (!driver?.dropSeed) return;
    await withLimit(clock, SEED_LIMIT_MS, async (signal) => driver.dropSeed?.(machine.name, signal)).catch(
      (err: unknown) => log.warn({ machine: machine.name, err }, "the seed could not be removed"),
    );
  }

  /** GitHub's refusal is the lock: a runner that has a job is not removed, and then nothing happens to its machine. */
  async function deregister(machine: Machine): Promise<"done" | "not-yet"> {
    const runner = findRunner(machine);
    if (!runner) return "not-yet";
    const answer = await onGitHub((signal) => github.remove(runner.repo, runner.id, signal));
    if (answer === "removed") observer.noteRemoved(machine.name);
    else observer.askRunners([runner.repo]);
    return answer === "removed" ? "done" : "not-yet";
  }

  /** NB: a list may be older than the row, and have the runner of a registration whose answer was lost, which was taken back since. */
  const findRunner = (machine: Machine) =>
    machine.runnerId === undefined
      ? observer.runnerOf(machine.name)
      : { repo: machine.repo, id: machine.runnerId };

  async function release(machine: Machine): Promise<"done" | "not-yet"> {
    if ((await deregister(machine)) === "not-yet") return "not-yet";
    await record({ kind: "machine-retired", at: clock.now(), machine: machine.name, why: "surplus" });
    return "done";
  }

  async function destroy(machine: Machine): Promise<"done"> {
    await withLimit(clock, DRIVER_LIMIT_MS, (signal) =>
      driverOf(machine, parts).destroy(machine.name, signal),
    );
    await record({ kind: "vm-destroyed", at: clock.now(), machine: machine.name });
    return "done";
  }

  /** Evidence first: after the retirement the VM and all that tells of it will be destroyed. NB: without it a job must end too. */
  async function retire(machine: Machine, why: Why, text: string): Promise<"done"> {
    const tail = await collectEvidence(machine);
    const failure: Failure = {
      machine: machine.name,
      image: machine.image,
      at: clock.now(),
      why,
      text,
      tail,
    };
    const { at } = failure;
    // NB: another machine's failure may be on its way into the store, and use it up first. See: core/apply.ts.
    const hold = holdOn(store.state, { machine, why, at });
    await record(
      { kind: "machine-retired", at, machine: machine.name, why, failure },
      ...(hold ? [heldBy(hold, machine, at)] : []),
    );
    log.warn({ machine: machine.name, why, text }, "machine failed");
    return "done";
  }

  async function collectEvidence(machine: Machine): Promise<string> {
    const files = await withLimit(clock, EVIDENCE_LIMIT_MS, (signal) =>
      driverOf(machine, parts).evidence(machine.name, signal),
    ).catch((error: unknown) => ({
      "driver.log": `The driver's evidence could not be read: ${messageOf(error)}`,
    }));
    const all = machine.guestLog === undefined ? files : { ...files, "guest.log": machine.guestLog };
    return parts.keepEvidence(machine, all).catch((error: unknown) => {
      log.error({ machine: machine.name, err: error }, "the evidence of a failure could not be kept");
      return "";
    });
  }

  async function publish({ job: id, digest, story }: Extract<Effect, { do: "publish" }>): Promise<"done"> {
    for (const other of attempted) if (!store.state.jobs.has(other)) attempted.delete(other);
    const job = store.state.jobs.get(id);
    if (!job) return "done";
    const isFirst = !attempted.has(id);
    const known = job.check?.id ?? (job.queuedAt < since || !isFirst ? "find" : "new");
    attempted.add(id);
    const { publicUrl } = parts;
    const catalogue = settle(store.state.settings);
    const context = { now: clock.now(), catalogue, boots: await boots(), publicUrl, state: store.state };
    const content = report(job, story, { ...context, digest });
    const check = await onGitHub((signal) => github.publish(job, content, known, signal)).catch(
      (error: unknown) => {
        // NB: what a limit kept from being done has not been done, and need not be looked for.
        if (isFirst && error instanceof GitHubUnavailable && error.retryAt !== undefined)
          attempted.delete(id);
        throw error;
      },
    );
    attempted.delete(id);
    await record({ kind: "check-published", at: clock.now(), job: id, check, digest });
    return "done";
  }

  async function lookUp(id: number): Promise<"done" | "not-yet"> {
    const job = store.state.jobs.get(id);
    if (!job) return "done";
    const found = await onGitHub((signal) => github.job(job.repo, id, signal));
    const isServed = findRepository(job.repo, parts.catalogue) !== undefined;
    const seen = believeJob(job, found, { now: clock.now(), isServed });
    if (seen === "unproven") return "not-yet";
    await record({ kind: "job-seen", at: clock.now(), job: seen });
    return seen.status === "done" ? "done" : "not-yet";
  }

  /** NB: where a run comes from is the same at each attempt, so the newest one may answer for the job's. */
  async function lookUpRun(id: number): Promise<"done" | "not-yet"> {
    const job = store.state.jobs.get(id);
    if (!job) return "done";
    const found = await onGitHub((signal) => github.run(job.repo, job.runId, signal));
    if (found === "gone") return "not-yet";
    const run = { ...found, attempt: job.attempt };
    await record({ kind: "run-seen", at: clock.now(), job: id, run });
    return "done";
  }

  async function cancelRun({ job: id, isForced }: Extract<Effect, { do: "cancel-run" }>): Promise<"done"> {
    const job = store.state.jobs.get(id);
    if (!job) return "done";
    await onGitHub((signal) => github.cancelRun(job.repo, job.runId, isForced, signal));
    await record({ kind: "run-cancelled", at: clock.now(), job: id, isForced });
    return "done";
  }

  /** NB: moving the tags twice is harmless, so what was done is written down afterwards. */
  async function endTrial(effect: Extract<Effect, { do: "end-trial" }>): Promise<"done"> {
    const { host, family, cloudImage, verdict } = effect;
    const images = parts.drivers.get(host)?.cloudImages;
    if (!images) throw new Error(`the host ${host} has no cloud images any more`);
    const image = { family, id: cloudImage };
    await withLimit(clock, DRIVER_LIMIT_MS, (signal) =>
      verdict === "promoted" ? images.promote(image, signal) : images.turnBack(image, signal),
    );
    await record({ kind: "trial-ended", at: clock.now(), host, family, cloudImage, verdict });
    observer.noteImagesChanged(host);
    if (verdict === "turned-back") log.warn({ host, cloudImage }, "a candidate failed and was turned back");
    return "done";
  }

  return async (effect) => {
    if (effect.do === "publish") return publish(effect);
    if (effect.do === "cancel-run") return cancelRun(effect);
    if (effect.do === "end-trial") return endTrial(effect);
    if ("job" in effect) return effect.do === "look-up" ? lookUp(effect.job) : lookUpRun(effect.job);
    const machine = store.state.machines.get(effect.machine);
    if (!machine) return "done";
    switch (effect.do) {
      case "start":
        return start(machine);
      case "configure":
        return configure(machine);
      case "deregister":
        return deregister(machine);
      case "release":
        return release(machine);
      case "destroy":
        return destroy(machine);
      case "retire":
        return retire(
          machine,
          effect.why,
          machine.outcome?.text ?? observer.seen(machine, store.state).vmText ?? "",
        );
    }
  };
}

const heldBy = ({ by }: HoldNext, { name }: Machine, at: number): Fact => ({
  kind: "machine-held",
  at,
  machine: name,
  until: at + HOLD_MS,
  by,
  isNext: true,
});

const orderOf = (
  { name, repo, trial }: Machine,
  rest: Pick<StartOrder, "host" | "image" | "seed">,
): StartOrder => ({ name, repo, cloudImage: trial, ...rest });

function placeOf(machine: Machine, catalogue: Catalogue): { host: Host; image: Image } | undefined {
  const host = catalogue.hosts.find(({ name }) => name === machine.host);
  const image = catalogue.images.find(({ name }) => name === machine.image);
  return host && image ? { host, image } : undefined;
}

function driverOf({ host, name }: { host: string; name: MachineName }, { drivers }: ActorParts): Driver {
  const driver = drivers.get(host);
  if (!driver) throw new Error(`the host ${host} of machine ${name} is not in the catalogue any more`);
  return driver;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
