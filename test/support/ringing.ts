import type { Fact } from "../../src/core/facts.ts";
import type { JobSeen } from "../../src/core/types.ts";
import type { Registration } from "../../src/ports.ts";
import { aJobSeen, M1 } from "./build.ts";
import { settled } from "./clock.ts";
import type { Rig } from "./ring.ts";

/** Things that happen to a running ring. Each resolves when the ring has come to rest again. */

/** Facts are written, and the bell rings. */
export async function tell(rig: Rig, ...facts: Fact[]): Promise<void> {
  await rig.store.record(facts);
  rig.reconciler.ring();
  await settled();
}

/** A job that is queued now, if not said otherwise. */
export const jobSeen = (rig: Rig, changes: Partial<JobSeen> = {}): Fact => ({
  kind: "job-seen",
  at: rig.clock.now(),
  job: aJobSeen({ queuedAt: rig.clock.now(), ...changes }),
});

export async function pass(rig: Rig, ms: number): Promise<void> {
  await rig.clock.advance(ms);
  await settled();
}

/** The VM is up and its guest asks. Answers the claim that is open. */
export async function guestAsks(rig: Rig, name = M1): Promise<{ claim: Promise<Registration> }> {
  rig.host.vms.set(name, "up");
  const claim = rig.guests.claim(name);
  await tell(rig, { kind: "guest-asked", at: rig.clock.now(), machine: name, runnerVersion: "2.337.0" });
  return { claim };
}

/** GitHub gave the job to the runner, and both GitHub and the guest tell. */
export async function jobStarts(rig: Rig, name = M1): Promise<void> {
  for (const runner of rig.github.runners.values()) if (runner.name === name) runner.state = "busy";
  await tell(
    rig,
    { kind: "guest-working", at: rig.clock.now(), machine: name },
    jobSeen(rig, { status: "running", startedAt: rig.clock.now(), ranOn: name }),
  );
}

/** GitHub has removed the runner, and the guest tells that it ended after its job. */
export async function runnerEnds(rig: Rig, name = M1): Promise<void> {
  rig.github.runners.clear();
  const outcome = { exitCode: 0, ranJob: true, text: "" };
  await tell(rig, { kind: "guest-ended", at: rig.clock.now(), machine: name, outcome });
}
