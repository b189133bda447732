import { setImmediate as turnOver } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Fact } from "../src/core/facts.ts";
import type { Story } from "../src/core/story.ts";
import type { Effect } from "../src/core/world.ts";
import { GitHubUnavailable, type Store } from "../src/ports.ts";
import { memoryStore } from "../src/store/memory.ts";
import {
  ago,
  aJob,
  aJobSeen,
  booting,
  configured,
  ended,
  hours,
  M1,
  M2,
  minutes,
  NOW,
  seconds,
} from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { created, heldNext } from "./support/facts.ts";
import { ringRig } from "./support/ring.ts";

const destroy: Effect = { do: "destroy", machine: M1 };
const publish = (digest = "waiting/0"): Effect => ({
  do: "publish",
  job: 1,
  digest,
  story: { is: "waiting", place: 1, blocked: undefined },
});

describe("to retire a machine that failed", () => {
  test("keeps the driver's evidence and the guest's log, and shows the reason on the job", async () => {
    const outcome = { exitCode: 3, ranJob: false, text: "the runner is too old" };
    const rig = ringRig({
      machines: [ended({ forJob: 1, workingAt: undefined, outcome, guestLog: "its log" })],
    });
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen() }]);

    await rig.act({ do: "retire", machine: M1, why: "guest-failed" });

    expect(rig.evidence.get(M1)).toEqual({ "console.log": `the console of ${M1}`, "guest.log": "its log" });
    expect(rig.store.state.jobs.get(1)?.failure).toMatchObject({
      machine: M1,
      why: "guest-failed",
      text: "the runner is too old",
      tail: `the console of ${M1}`,
    });
  });

  test("keeps its VM for half an hour if somebody asked for that, once", async () => {
    const names = [M1, M2];
    const rig = ringRig({ machines: names.map((name) => booting({ name })) });
    await rig.store.record([heldNext()]);
    const { clock, store } = rig;

    for (const machine of names) await rig.act({ do: "retire", machine, why: "boot-timeout" });

    expect(names.map((name) => rig.machine(name)?.heldUntil)).toEqual([clock.now() + minutes(30), undefined]);
    expect(await store.history({ machine: M1 })).toContainEqual(
      expect.objectContaining({ kind: "machine-held", by: "mona" }),
    );
  });

  test("keeps one VM, not two, if two machines fail at once", async () => {
    const machines = [M1, M2].map((name) => booting({ name }));
    const rig = ringRig({ machines, store: lateStore() });
    await rig.store.record([heldNext()]);

    await Promise.all([M1, M2].map((machine) => rig.act({ do: "retire", machine, why: "boot-timeout" })));

    expect([M1, M2].filter((name) => rig.machine(name)?.heldUntil !== undefined)).toEqual([M1]);
    expect(rig.machine(M2)?.retired?.why).toBe("boot-timeout");
  });

  test("takes the driver's words for a VM that is broken", async () => {
    const rig = ringRig({ machines: [booting({ forJob: 1 })] });
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen() }]);
    rig.host.vms.set(M1, "broken");
    rig.observer.askHosts(rig.store.state);
    await settled();

    await rig.act({ do: "retire", machine: M1, why: "boot-failed" });

    expect(rig.store.state.jobs.get(1)?.failure?.text).toBe("no space left");
  });

  test("is done also when the driver's evidence cannot be read, and says so", async () => {
    const rig = ringRig({ machines: [booting()] });
    rig.host.fails("evidence", new Error("no such folder"));

    await rig.act({ do: "retire", machine: M1, why: "boot-timeout" });

    expect(rig.machine(M1)?.retired?.why).toBe("boot-timeout");
    expect(rig.evidence.get(M1)?.["driver.log"]).toContain("no such folder");
  });

  test("is done also when the evidence cannot be kept: a full disk must not hold up a job", async () => {
    const rig = ringRig({
      machines: [booting()],
      keepEvidence: () => Promise.reject(new Error("no space left on device")),
    });

    await expect(rig.act({ do: "retire", machine: M1, why: "boot-timeout" })).resolves.toBe("done");

    expect(rig.machine(M1)?.retired?.why).toBe("boot-timeout");
  });
});

describe("to destroy a machine", () => {
  test("is written down when its driver has done it", async () => {
    const rig = ringRig({ machines: [configured()] });
    rig.host.vms.set(M1, "up");
    rig.host.vms.set(M2, "up");

    await rig.act(destroy);

    expect([...rig.host.vms.keys()]).toEqual([M2]);
    expect(rig.machine(M1)?.destroyedAt).toBe(rig.clock.now());
  });

  test("fails when its driver fails, and is not written down", async () => {
    const rig = ringRig({ machines: [configured()] });
    rig.host.fails("destroy", new Error("the volume is in use"));

    await expect(rig.act(destroy)).rejects.toThrow("the volume is in use");

    expect(rig.machine(M1)?.destroyedAt).toBeUndefined();
  });

  test("fails when its host left the catalogue", async () => {
    const rig = ringRig({ machines: [configured({ host: "lab9" })] });

    await expect(rig.act(destroy)).rejects.toThrow(/the host lab9 of machine .* is not in the catalogue/);
  });
});

describe("to publish a check run", () => {
  test("makes a new one for a job that came after the start, and then updates it", async () => {
    const rig = ringRig();
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen({ queuedAt: rig.clock.now() }) }]);

    await rig.act(publish());
    await rig.act(publish("booting/0"));

    expect([...rig.github.checks.values()].map((contents) => contents.map(({ digest }) => digest))).toEqual([
      ["waiting/0", "booting/0"],
    ]);
    expect(rig.store.state.jobs.get(1)?.check).toEqual({ id: 900, digest: "booting/0" });
  });

  test("tells what booting usually takes, by the machines that are over", async () => {
    const rig = ringRig({ machines: [booting({ startedAt: NOW })] });
    const over = ["a", "b", "c"].flatMap((machine): Fact[] => [
      created(machine),
      { kind: "machine-started", at: NOW, machine, tokenHash: "" },
      { kind: "guest-asked", at: NOW + seconds(40), machine, runnerVersion: "2.337.0" },
      { kind: "machine-forgotten", at: NOW, machine },
    ]);
    await rig.store.record([...over, { kind: "job-seen", at: NOW, job: aJobSeen() }]);
    await rig.clock.advance(seconds(18));

    const story: Story = { is: "booting", machine: rig.machine(M1) };
    await rig.act({ do: "publish", job: 1, digest: "booting/0", story });

    expect([...rig.github.checks.values()].flat().map(({ title }) => title)).toEqual([
      "Booting plain, 0:18 of about 0:40",
    ]);
  });

  test("looks for the one whose answer was lost, so that there are never two", async () => {
    const rig = ringRig();
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen({ queuedAt: rig.clock.now() }) }]);
    const { publish: real } = rig.github.port;
    rig.github.port.publish = async (...parts) => {
      await real(...parts);
      rig.github.port.publish = real;
      throw new GitHubUnavailable("the answer was lost");
    };

    await expect(rig.act(publish())).rejects.toThrow("lost");
    await rig.act(publish());

    expect(rig.github.checks.size).toBe(1);
  });

  test("looks for one of an earlier process, for a job that is older than this one", async () => {
    const rig = ringRig();
    await rig.github.port.publish(
      aJobSeen(),
      { digest: "x", name: "x", status: "queued", title: "x", summary: "x", actions: [] },
      "new",
      new AbortController().signal,
    );
    await rig.store.record([{ kind: "job-seen", at: NOW, job: aJobSeen({ queuedAt: ago(seconds(1)) }) }]);

    await rig.act(publish());

    expect(rig.github.checks.size).toBe(1);
  });

  test("looks for one of an earlier process although GitHub's clock says that the job came later", async () => {
    const store = memoryStore();
    await store.record([{ kind: "job-seen", at: NOW, job: aJobSeen({ queuedAt: NOW + hours(1) }) }]);
    const rig = ringRig({ store });
    await rig.github.port.publish(
      aJobSeen(),
      { digest: "x", name: "x", status: "queued", title: "x", summary: "x", actions: [] },
      "new",
      new AbortController().signal,
    );

    await rig.act(publish());

    expect(rig.github.checks.size).toBe(1);
  });
});

describe("to look a job up", () => {
  test("writes down what GitHub says of it", async () => {
    const rig = ringRig();
    rig.store.state.jobs.set(1, aJob({ status: "running", ranOn: M1 }));
    rig.github.jobs.set(1, aJobSeen({ status: "done", conclusion: "success", ranOn: M1, doneAt: NOW }));

    await expect(rig.act({ do: "look-up", job: 1 })).resolves.toBe("done");

    expect(rig.store.state.jobs.get(1)).toMatchObject({ status: "done", conclusion: "success" });
  });

  test("is to be done again while the job still runs", async () => {
    const rig = ringRig();
    rig.store.state.jobs.set(1, aJob({ status: "running", ranOn: M1 }));
    rig.github.jobs.set(1, aJobSeen({ status: "running", ranOn: M1 }));

    await expect(rig.act({ do: "look-up", job: 1 })).resolves.toBe("not-yet");
  });

  test("is to be done again while the job is so young that GitHub may not know of it yet", async () => {
    const rig = ringRig();
    rig.store.state.jobs.set(1, aJob({ queuedAt: ago(seconds(59)) }));

    await expect(rig.act({ do: "look-up", job: 1 })).resolves.toBe("not-yet");
    expect(rig.store.state.jobs.get(1)?.status).toBe("queued");
  });

  test("is to be done again while it runs where GitHub perhaps only hides it", async () => {
    const rig = ringRig();
    const hidden = { repo: "octo/left", status: "running", ranOn: M1, queuedAt: ago(minutes(9)) } as const;
    rig.store.state.jobs.set(1, aJob(hidden));

    await expect(rig.act({ do: "look-up", job: 1 })).resolves.toBe("not-yet");
    expect(rig.store.state.jobs.get(1)?.status).toBe("running");
  });

  test("of which GitHub knows nothing any more ends it", async () => {
    const rig = ringRig();
    rig.store.state.jobs.set(1, aJob({ status: "running", ranOn: M1, queuedAt: ago(minutes(9)) }));

    await expect(rig.act({ do: "look-up", job: 1 })).resolves.toBe("done");

    expect(rig.store.state.jobs.get(1)).toMatchObject({
      status: "done",
      conclusion: "gone",
      doneAt: rig.clock.now(),
    });
  });
});

test.each<Effect>([destroy, { do: "start", machine: M1 }, publish(), { do: "look-up", job: 1 }])(
  "what is not open any more is done: $do",
  async (effect) => {
    await expect(ringRig().act(effect)).resolves.toBe("done");
  },
);

/** What it is told is part of its state a turn later, as with a disk. */
function lateStore(): Store {
  const store = memoryStore();
  return {
    ...store,
    record: async (facts) => {
      await turnOver();
      await store.record(facts);
    },
  };
}
