import { ALL, type Fact, poolKey, type State } from "../../src/core/facts.ts";
import { MINUTE, type Scenario } from "./scenario.ts";
import { repoAt } from "./settings.ts";
import { CATALOGUE, type Sim } from "./sim.ts";

/** Looks whether what people asked for is done. NB: it keeps its own books, so that the controller is not judged by its own word. */
export type People = {
  /** A fact is about to be folded into the state. */
  note: (fact: Fact, state: State) => void;
  /** A driver is told to destroy that machine's VM. */
  noteDestroy: (name: string) => void;
  isPaused: (repo: string) => boolean;
  /** The store is lost, and with it what was asked for. */
  forget: () => void;
};

/** For how long the next machine that fails is to be kept. */
const HOLD_MS = 30 * MINUTE;

export function watchPeople({ clock, violations }: Sim): People {
  const paused = new Set<string>();
  const asked = new Set<string>();
  const keptUntil = new Map<string, number>();
  const isPaused = (repo: string) => paused.has(ALL) || paused.has(repo.toLowerCase());

  function noteFailure({ machine: name, failure, why, at }: Retired, { machines }: State): void {
    const machine = machines.get(name);
    // NB: of an order that came to nothing there is nothing to look into.
    if (!machine || machine.retired || !failure || why === "lost") return;
    if (asked.delete(poolKey(machine))) keptUntil.set(name, at + HOLD_MS);
  }

  return {
    isPaused,
    note: (fact, state) => {
      if (fact.kind === "orders-paused") paused[fact.paused ? "add" : "delete"](fact.repo.toLowerCase());
      if (fact.kind === "hold-asked") asked.add(poolKey(fact));
      if (fact.kind === "machine-retired") noteFailure(fact, state);
      if (fact.kind === "machine-created" && isPaused(fact.repo))
        violations.push(`${fact.machine} was ordered although ${fact.repo} is paused`);
    },
    noteDestroy: (name) => {
      if (clock.now() < (keptUntil.get(name) ?? 0))
        violations.push(`${name} was destroyed although somebody wants to look into it`);
    },
    forget: () => {
      for (const books of [paused, asked, keptUntil]) books.clear();
    },
  };
}

type Retired = Extract<Fact, { kind: "machine-retired" }>;

/** What the operator of a scenario does, and what takes it back; nothing takes back that a machine is to be held. */
export function orderFacts({ wish, repo: index, image: which }: NonNullable<Scenario["operator"]>): {
  order: Fact;
  takeBack: Fact | undefined;
} {
  const [by, at, repo] = ["octocat", 0, repoAt(index)];
  const image = CATALOGUE.images[which]?.name ?? "";
  if (wish === "hold-next")
    return { order: { kind: "hold-asked", at, job: 0, repo, image, by }, takeBack: undefined };
  const pause: Fact = {
    kind: "orders-paused",
    at,
    repo: wish === "pause-all" ? ALL : repo,
    paused: true,
    by,
  };
  return { order: pause, takeBack: { ...pause, paused: false } };
}
