import { describe, expect, test } from "vitest";
import type { Belief } from "../../src/core/believe.ts";
import { RULES } from "../../src/core/rules.ts";
import { FAILURES } from "../../src/core/turn.ts";
import type { GuestState, Machine, RunnerState, VmState, Why } from "../../src/core/types.ts";
import { ago, booting, configured, ended, minutes, ready, seconds, working } from "../support/build.ts";
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

describe("in every cell of the table", () => {
  const cells = (test: (what: Belief) => boolean) => BELIEFS.filter(test);
  const turns = (machine: Machine, among: Belief[]) => new Set(among.map((what) => turnOf(machine, what)));
  const long = { startedAt: ago(minutes(60)), configuredAt: undefined };

  test("a machine whose runner has ended is over", () => {
    const among = cells(({ guest }) => guest === "ended");

    expect(turns(ended(), among)).toEqual(new Set(["retired finished"]));
  });

  test("a VM that is powered off has died, unless its runner had ended", () => {
    const among = cells(({ vm, guest }) => vm === "off" && guest !== "ended");

    expect(turns(configured(), among)).toEqual(new Set(["retire vm-died"]));
  });

  test("a VM that its driver calls broken has failed, if its guest never called and no job runs in it", () => {
    const among = cells(
      ({ vm, runner, guest }) => vm === "broken" && runner !== "busy" && guest === "silent",
    );

    expect(turns(booting(), among)).toEqual(new Set(["retire boot-failed"]));
  });

  test("a VM that is not there any more is missed, once its guest had called and no job runs in it", () => {
    const among = cells(
      ({ vm, runner, guest }) =>
        vm === "none" &&
        (runner === "none" || runner === "offline" || runner === "unknown") &&
        (guest === "quiet" || guest === "configured" || guest === "working") &&
        !(runner === "offline" && guest === "quiet"),
    );

    expect(turns(working(long), among)).toEqual(new Set(["retire vm-died"]));
  });

  test("a runner that no guest has the registration of is removed", () => {
    const among = cells(
      ({ vm, runner, guest }) =>
        (runner === "offline" || runner === "idle") &&
        (guest === "silent" || guest === "asking") &&
        vm !== "off" &&
        !(vm === "broken" && guest === "silent"),
    );

    expect(turns(ready(), among)).toEqual(new Set(["deregister"]));
  });

  test("a guest that has not called, or not for long, has its time, whether GitHub was asked or not", () => {
    const among = (guest: GuestState) =>
      cells(
        (what) =>
          what.guest === guest &&
          (what.runner === "none" || what.runner === "unknown") &&
          (what.vm === "building" || what.vm === "up" || what.vm === "unknown"),
      );

    expect(turns(booting(long), among("silent"))).toEqual(new Set(["retire boot-timeout"]));
    expect(turns(ready({ ...long, askedAt: ago(minutes(59)) }), among("quiet"))).toEqual(
      new Set(["retire guest-lost"]),
    );
  });

  test("a retired machine that never had a registration is destroyed or forgotten without GitHub's word", () => {
    const among = (standing: boolean) =>
      cells(
        ({ vm, runner, guest }) =>
          runner === "unknown" &&
          (guest === "silent" || (standing && (guest === "asking" || guest === "quiet"))) &&
          (standing ? vm === "building" || vm === "up" || vm === "broken" || vm === "off" : vm === "none"),
      );

    expect(turns(retiredAs("surplus", ready()), among(true))).toEqual(new Set(["destroy"]));
    expect(turns(retiredAs("surplus", ready({ destroyedAt: ago(1) })), among(false))).toEqual(
      new Set(["machine-forgotten"]),
    );
  });
});
