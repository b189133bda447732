import { describe, expect, test } from "vitest";
import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import type { GuestState, Machine, RunnerState, Why } from "../../src/core/types.ts";
import {
  adopted,
  ago,
  aJob,
  aMachine,
  anImage,
  aSeen,
  booting,
  configured,
  ended,
  M1,
  minutes,
  NOW,
  ready,
  working,
} from "../support/build.ts";
import { belief, retiredAs, turnOf } from "../support/turning.ts";

const { limits } = anImage();
const { settleMs, connectMs, lostMs, serveMs } = DEFAULT_PATIENCE;

describe("a machine on its way", () => {
  test("is ordered once", () => {
    expect(turnOf(aMachine(), belief("none", "none", "silent"))).toBe("start");
    expect(turnOf(booting(), belief("none", "unknown", "silent"))).toBe(`wake in ${settleMs / 1000 - 20} s`);
  });

  test("is lost if nothing came of the order", () => {
    const machine = booting({ startedAt: ago(settleMs) });

    expect(turnOf(machine, belief("none", "unknown", "silent"))).toBe("retire lost");
  });

  test.each(["building", "up", "unknown"] as const)("has its time to boot while its VM is %s", (vm) => {
    const cell = belief(vm, "unknown", "silent");

    expect(turnOf(booting({ startedAt: ago(limits.bootMs - 1000) }), cell)).toBe("wake in 1 s");
    expect(turnOf(booting({ startedAt: ago(limits.bootMs) }), cell)).toBe("retire boot-timeout");
  });

  test("has failed to boot at once if its driver says so", () => {
    expect(turnOf(booting(), belief("broken", "unknown", "silent"))).toBe("retire boot-failed");
  });

  test("has died if its VM is off", () => {
    expect(turnOf(booting(), belief("off", "unknown", "silent"))).toBe("retire vm-died");
  });
});

describe("a machine whose guest asks", () => {
  test.each(["building", "up", "broken", "unknown", "none"] as const)(
    "waits for a job as long as it takes, also if its host says %s",
    (vm) => {
      const machine = ready({ startedAt: ago(minutes(500)), askedAt: ago(minutes(499)) });

      expect(turnOf(machine, belief(vm, "unknown", "asking"))).toBeUndefined();
    },
  );

  test.each(["silent", "asking", "quiet"] as const)(
    "and has a runner of old (%s): that is removed first",
    (guest) => {
      expect(turnOf(ready(), belief("up", "offline", guest))).toBe("deregister");
      expect(turnOf(ready(), belief("up", "idle", guest))).toBe("deregister");
    },
  );

  test("and then falls silent is retired after a while, counted from its last call", () => {
    const machine = ready({ askedAt: ago(minutes(30)) });
    const cell = belief("up", "unknown", "quiet");

    expect(turnOf(machine, cell, { seen: aSeen({ heardAt: ago(lostMs - 1000) }) })).toBe("wake in 1 s");
    expect(turnOf(machine, cell, { seen: aSeen({ heardAt: ago(lostMs) }) })).toBe("retire guest-lost");
  });

  test("is not blamed for the time that the controller was down", () => {
    const machine = ready({ startedAt: ago(minutes(60)), askedAt: ago(minutes(59)) });

    expect(turnOf(machine, belief("up", "unknown", "quiet"), { since: ago(lostMs - 1000) })).toBe(
      "wake in 1 s",
    );
    expect(turnOf(machine, belief("up", "unknown", "quiet"), { since: ago(lostMs) })).toBe(
      "retire guest-lost",
    );
  });
});

describe("a machine that was given its registration", () => {
  test("has its time to come online", () => {
    const cell = belief("up", "offline", "configured");

    expect(turnOf(configured({ configuredAt: ago(connectMs - 1000) }), cell)).toBe("wake in 1 s");
    expect(turnOf(configured({ configuredAt: ago(connectMs) }), cell)).toBe("retire runner-timeout");
  });

  test("is not judged while GitHub was not asked", () => {
    const machine = configured({ configuredAt: ago(minutes(50)) });

    expect(turnOf(machine, belief("up", "unknown", "configured"))).toBeUndefined();
  });

  test("serves for a while, and is then released if GitHub gives it no job", () => {
    const cell = belief("up", "idle", "configured");

    expect(turnOf(configured({ configuredAt: ago(serveMs - 1000) }), cell)).toBe("wake in 1 s");
    expect(turnOf(configured({ configuredAt: ago(serveMs) }), cell)).toBe("release");
  });

  test.each([
    ["configured", "none"],
    ["working", "none"],
    ["working", "offline"],
  ] as const)("is lost when its runner is gone for a while (%s, %s)", (guest, runner) => {
    const machine = working({ configuredAt: ago(minutes(30)), workingAt: undefined });
    const at = (ms: number) => ({ seen: aSeen({ runnerOnlineAt: ago(ms) }) });

    expect(turnOf(machine, belief("up", runner, guest), at(lostMs - 1000))).toBe("wake in 1 s");
    expect(turnOf(machine, belief("up", runner, guest), at(lostMs))).toBe("retire runner-lost");
  });

  test("counts the word of its guest as a sign of life of its runner", () => {
    const cell = belief("up", "none", "working");
    const late = working({ configuredAt: ago(minutes(30)), workingAt: ago(lostMs - 1000) });

    expect(turnOf(late, cell)).toBe("wake in 1 s");
  });

  test("whose runner was never online is not said to have lost it: one that registers itself is listed late", () => {
    const cell = belief("up", "none", "configured");

    expect(turnOf(configured({ configuredAt: ago(connectMs - 1000) }), cell)).toBe("wake in 1 s");
    expect(turnOf(configured({ configuredAt: ago(connectMs) }), cell)).toBe("retire runner-timeout");
  });

  test("is not lost while its host cannot be asked", () => {
    const machine = configured({ configuredAt: ago(minutes(50)) });

    expect(turnOf(machine, belief("unknown", "none", "configured"))).toBeUndefined();
    expect(turnOf(machine, belief("unknown", "offline", "working"))).toBeUndefined();
  });

  test("whose VM vanished is retired after a while", () => {
    const since = (ms: number) => ({ seen: aSeen({ vmMissingSince: ago(ms) }) });
    const cell = belief("none", "none", "configured");

    expect(turnOf(configured(), cell, since(lostMs - 1000))).toBe("wake in 1 s");
    expect(turnOf(configured(), cell, since(lostMs))).toBe("retire vm-died");
  });
});

describe("a machine at work", () => {
  test.each([
    ["busy", "configured"],
    ["busy", "working"],
    ["idle", "working"],
    ["unknown", "working"],
  ] as const)("has the image's time for its job (%s, %s)", (runner, guest) => {
    const cell = belief("up", runner, guest);

    expect(turnOf(working({ workingAt: ago(limits.jobMs - 1000) }), cell)).toBe("wake in 1 s");
    expect(turnOf(working({ workingAt: ago(limits.jobMs) }), cell)).toBe("retire job-limit");
  });

  test("is not blamed for a clock that was stepped while the controller was down", () => {
    const machine = working({ workingAt: ago(limits.jobMs + minutes(60)) });
    const since = (ms: number) => turnOf(machine, belief("up", "busy", "working"), { since: ago(ms) });

    expect(since(1000)).toMatch(/^wake/);
    expect(since(limits.jobMs)).toBe("retire job-limit");
  });

  test("is not given its time anew at every start of the controller", () => {
    const day = minutes(24 * 60);
    const machine = working({ workingAt: ago(day + limits.jobMs) });

    expect(turnOf(machine, belief("up", "busy", "working"), { since: NOW })).toBe("retire job-limit");
  });

  test("counts from the registration if its guest never told of the job", () => {
    expect(turnOf(configured({ configuredAt: ago(limits.jobMs) }), belief("up", "busy", "configured"))).toBe(
      "retire job-limit",
    );
  });

  test("goes on although its host says that the VM is broken, or gone, or nothing", () => {
    for (const vm of ["broken", "none", "unknown"] as const) {
      expect(turnOf(working(), belief(vm, "busy", "working"))).toMatch(/^wake/);
    }
  });

  test("has died when its VM is powered off", () => {
    expect(turnOf(working(), belief("off", "busy", "working"))).toBe("retire vm-died");
  });

  test("has finished when its runner ended after a job", () => {
    expect(turnOf(ended(), belief("up", "busy", "ended"))).toBe("retired finished");
    expect(turnOf(ended(), belief("off", "none", "ended"))).toBe("retired finished");
    expect(turnOf(ended(), belief("none", "unknown", "ended"))).toBe("retired finished");
  });

  test("has finished when GitHub says that its job is done, whatever else is believed", () => {
    const job = aJob({ status: "done", ranOn: M1 });

    expect(turnOf(working(), belief("up", "busy", "working"), { job })).toBe("retired finished");
    expect(turnOf(working(), belief("unknown", "unknown", "working"), { job })).toBe("retired finished");
    expect(turnOf(working(), belief("off", "idle", "working"), { job })).toBe("retired finished");
  });

  test("whose runner ended without a job has had none; with an error its guest has failed", () => {
    const without = (exitCode: number) => ended({ outcome: { exitCode, ranJob: false, text: "" } });

    expect(turnOf(without(0), belief("up", "none", "ended"))).toBe("retire no-job");
    expect(turnOf(without(1), belief("up", "none", "ended"))).toBe("retire guest-failed");
  });
});

describe("a machine on a host that is being emptied", () => {
  test("leaves if it has no work yet, and stays if it has", () => {
    const turns = (guest: GuestState, runner: RunnerState = "unknown") =>
      turnOf(ready(), belief("up", runner, guest), { hostDrained: true });

    expect(turns("silent")).toBe("retired drained");
    expect(turns("asking")).toBe("retired drained");
    expect(turns("quiet")).toBe("retired drained");
    expect(turns("asking", "busy")).not.toBe("retired drained");
    expect(turns("configured", "idle")).not.toBe("retired drained");
    expect(turns("working")).not.toBe("retired drained");
  });
});

describe("a retired machine", () => {
  test("is held while a job may run in it, up to the job's limit", () => {
    const cell = belief("up", "busy", "configured");
    const since = (ms: number) => retiredAs("surplus", configured({ configuredAt: ago(ms) }));

    expect(turnOf(since(limits.jobMs - 1000), cell)).toBe("wake in 1 s");
    expect(turnOf(since(limits.jobMs), cell)).toBe("destroy");
  });

  test.each(["finished", "job-limit", "operator"] as const)(
    "as %s is destroyed although GitHub calls it busy",
    (why) => {
      expect(turnOf(retiredAs(why), belief("up", "busy", "working"))).toBe("destroy");
      expect(turnOf(retiredAs(why), belief("up", "idle", "working"))).toBe("destroy");
      expect(turnOf(retiredAs(why), belief("up", "unknown", "working"))).toBe("destroy");
    },
  );

  test("whose VM is gone is removed at GitHub, also for a sure reason", () => {
    expect(turnOf(retiredAs("finished"), belief("none", "offline", "ended"))).toBe("deregister");
  });

  test("whose dead runner GitHub calls busy waits until GitHub has noticed", () => {
    expect(turnOf(retiredAs("surplus"), belief("none", "busy", "configured"))).toBeUndefined();
  });

  test("that never had a registration is destroyed without asking GitHub", () => {
    expect(turnOf(retiredAs("surplus", ready()), belief("up", "unknown", "asking"))).toBe("destroy");
    expect(turnOf(retiredAs("boot-failed", booting()), belief("broken", "unknown", "silent"))).toBe(
      "destroy",
    );
  });

  test("is forgotten only after its driver said that all of it is gone", () => {
    const cell = belief("none", "none", "configured");

    expect(turnOf(retiredAs("surplus"), cell)).toBe("destroy");
    expect(turnOf(retiredAs("surplus", configured({ destroyedAt: ago(1) })), cell)).toBe("machine-forgotten");
    expect(turnOf(adopted(), cell)).toBe("destroy");
  });

  test("that was never ordered is forgotten without asking its driver", () => {
    expect(turnOf(retiredAs("drained", aMachine()), belief("none", "none", "silent"))).toBe(
      "machine-forgotten",
    );
  });

  test("keeps its row until its job is closed, whose last words tell the machine's times", () => {
    const machine = retiredAs("finished", ended({ destroyedAt: ago(1) }));

    expect(
      turnOf(machine, belief("none", "none", "ended"), { job: aJob({ status: "done" }) }),
    ).toBeUndefined();
  });
});

describe("a machine that is held", () => {
  const held = (why: Why, changes: Partial<Machine> = {}) => ({
    ...retiredAs(why),
    heldUntil: NOW + minutes(30),
    ...changes,
  });

  test.each(["boot-timeout", "finished", "job-limit", "surplus"] as const)(
    "is not destroyed before its time, though it was retired as %s",
    (why) => {
      const cell = belief("up", "none", "ended");

      expect(turnOf(held(why), cell)).toBe("wake in 1800 s");
      expect(turnOf(held(why, { heldUntil: NOW }), cell)).toBe("destroy");
    },
  );

  test("is kept also when it has powered itself off", () => {
    expect(turnOf(held("vm-died"), belief("off", "none", "ended"))).toBe("wake in 1800 s");
  });

  test("loses its runner all the same, so that no job begins in it", () => {
    expect(turnOf(held("finished"), belief("up", "idle", "configured"))).toBe("deregister");
  });

  test("is destroyed at once when a person says so", () => {
    expect(turnOf(held("operator"), belief("up", "none", "ended"))).toBe("destroy");
  });

  test("is retired as any other", () => {
    const machine = { ...booting({ startedAt: ago(limits.bootMs) }), heldUntil: NOW + minutes(30) };

    expect(turnOf(machine, belief("up", "unknown", "silent"))).toBe("retire boot-timeout");
  });
});
