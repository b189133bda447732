import { afterEach, describe, expect, test } from "vitest";
import type { Fact } from "../src/core/facts.ts";
import { GitHubUnavailable } from "../src/ports.ts";
import { aHost, minutes, seconds } from "./support/build.ts";
import { settled } from "./support/clock.ts";
import { type Rig, ringRig } from "./support/ring.ts";
import { jobSeen, pass, tell } from "./support/ringing.ts";

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** The ring, running, with no room for machines: all that there is to do is to tell. */
async function running(): Promise<Rig> {
  const rig = ringRig({ catalogue: { hosts: [aHost({ machines: 0 })] } });
  void rig.reconciler.run(stop.signal);
  await settled();
  return rig;
}

const jobs = (rig: Rig, count: number, changes: Parameters<typeof jobSeen>[1] = {}, first = 1): Fact[] =>
  Array.from({ length: count }, (_, index) => jobSeen(rig, { id: first + index, ...changes }));

const spent = (rig: Rig, ms: number) =>
  new GitHubUnavailable("the budget of calls to github is spent", { retryAt: rig.clock.now() + ms });

const told = (rig: Rig) => Array.from(rig.store.state.jobs.values()).filter(({ check }) => check);

describe("the check runs of hundreds of jobs", () => {
  test("are written four at a time for each installation, and all in the end", async () => {
    const rig = await running();
    const answers = Array.from({ length: 8 }, () => rig.github.waits("publish"));

    await tell(rig, ...jobs(rig, 300), ...jobs(rig, 300, { installation: 78 }, 1000));
    const underWay = rig.github.calls("publish");
    for (const answer of answers) answer();
    for (let turn = 0; turn < 20; turn += 1) await settled();

    expect(underWay).toBe(8);
    expect(told(rig)).toHaveLength(600);
    expect(rig.github.calls("publish")).toBe(600);
  });

  test("say what is true when their turn comes", async () => {
    const rig = await running();
    const answers = Array.from({ length: 4 }, () => rig.github.waits("publish"));
    await tell(rig, ...jobs(rig, 5));

    await tell(rig, jobSeen(rig, { id: 5, status: "running", ranOn: "elsewhere" }));
    for (const answer of answers) answer();
    await settled();

    const said = [...rig.github.checks.values()].map((contents) => contents.map(({ status }) => status));
    expect(said).toEqual([["queued"], ["queued"], ["queued"], ["queued"], ["in_progress"]]);
  });

  test("for which there is no room are left alone until there is, without one try each", async () => {
    const rig = await running();
    for (let made = 0; made < 4; made += 1) rig.github.fails("publish", spent(rig, minutes(1)));

    await tell(rig, ...jobs(rig, 300));
    await pass(rig, seconds(59));
    const before = rig.github.calls("publish");
    await pass(rig, seconds(1));
    for (let turn = 0; turn < 20; turn += 1) await settled();

    expect(before).toBe(4);
    expect(told(rig)).toHaveLength(300);
  });

  test("for which there is no room do not hold up the last words of others", async () => {
    const rig = await running();
    for (let made = 0; made < 4; made += 1) rig.github.fails("publish", spent(rig, minutes(60)));
    await tell(rig, ...jobs(rig, 10));

    await tell(
      rig,
      jobSeen(rig, { id: 10, status: "done", conclusion: "cancelled", doneAt: rig.clock.now() }),
    );
    await settled();

    expect(rig.store.state.closed).toEqual(new Set([10]));
  });

  test("are not looked for at GitHub when nothing was sent", async () => {
    const rig = await running();
    const known: unknown[] = [];
    const publish = rig.github.port.publish;
    rig.github.port.publish = (job, content, check, signal) => {
      known.push(check);
      return publish(job, content, check, signal);
    };
    rig.github.fails("publish", spent(rig, minutes(1)));
    rig.github.fails("publish", new GitHubUnavailable("no answer"));

    await tell(rig, ...jobs(rig, 1));
    await pass(rig, minutes(2));

    expect(known).toEqual(["new", "new", "find"]);
  });
});
