import { describe, expect, test } from "vitest";
import type { Belief } from "../../src/core/believe.ts";
import { RULES } from "../../src/core/rules.ts";
import { FAILURES } from "../../src/core/turn.ts";
import type { GuestState, RunnerState, VmState, Why } from "../../src/core/types.ts";
import { ago, configured, seconds, working } from "../support/build.ts";
import { retiredAs, turnOf } from "../support/turning.ts";

const VMS = Object.keys(RULES.wanted) as VmState[];
const RUNNERS = Object.keys(RULES.wanted.up) as RunnerState[];
const GUESTS = Object.keys(RULES.wanted.up.none) as GuestState[];
const BELIEFS: Belief[] = VMS.flatMap((vm) =>
  RUNNERS.flatMap((runner) => GUESTS.map((guest) => ({ vm, runner, guest }))),
);
const WHYS: Why[] = [...FAILURES, "finished", "surplus", "stranger", "operator", "drained"];

describe("in no cell of the table", () => {
  test("is a VM destroyed while its runner is busy, but by its time limit or when losing the job is meant", () => {
    const unsure = WHYS.filter((why) => why !== "finished" && why !== "job-limit" && why !== "operator");
    const destroyed = BELIEFS.filter(({ vm, runner }) => runner === "busy" && vm !== "off").filter((what) =>
      unsure.some((why) => turnOf(retiredAs(why), what) === "destroy"),
    );

    expect(destroyed).toEqual([]);
  });

  test("is anything destroyed while its host or, for a guest that had a registration, its runner is unknown", () => {
    const unknown = BELIEFS.filter(
      ({ vm, runner, guest }) =>
        vm === "unknown" ||
        (runner === "unknown" &&
          vm !== "off" &&
          guest !== "silent" &&
          guest !== "asking" &&
          guest !== "quiet"),
    );

    const destroyed = unknown.filter((what) => turnOf(retiredAs("surplus"), what) === "destroy");

    expect(destroyed).toEqual([]);
  });

  test("is the VM of a listed runner destroyed before GitHub agreed", () => {
    const listed = BELIEFS.filter(
      ({ vm, runner }) => (runner === "idle" || runner === "offline") && vm !== "off" && vm !== "unknown",
    );

    const turns = listed.map((what) => turnOf(retiredAs("surplus"), what));

    expect(new Set(turns)).toEqual(new Set(["deregister"]));
  });

  test("is a wanted machine destroyed, or its VM's end awaited: it is retired first", () => {
    const turns = BELIEFS.map((what) => turnOf(working(), what));

    expect(turns).not.toContain("destroy");
    expect(turns).not.toContain("machine-forgotten");
  });

  test("is a retired machine ordered, wanted or retired again", () => {
    const turns = WHYS.flatMap((why) => BELIEFS.map((what) => turnOf(retiredAs(why), what)));

    expect(new Set(turns.map((word) => (word?.startsWith("wake") ? "wake" : word)))).toEqual(
      new Set(["destroy", "deregister", "wake", undefined]),
    );
  });

  test("is a row forgotten while a VM is believed there, or GitHub may list its runner", () => {
    const machine = retiredAs("surplus", configured({ destroyedAt: ago(seconds(1)) }));

    const forgotten = BELIEFS.filter((what) => turnOf(machine, what) === "machine-forgotten");

    expect(forgotten.filter(({ vm }) => vm !== "none")).toEqual([]);
    expect(forgotten.filter(({ runner, guest }) => runner !== "none" && guest !== "silent")).toEqual([]);
    expect(forgotten).not.toEqual([]);
  });
});
