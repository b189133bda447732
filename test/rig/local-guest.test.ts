import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type JobService, startJobService } from "../guest/job-service.ts";
import { type Listening, listening, MACHINE } from "../guest/listening.ts";

const LOCAL_GUEST = fileURLToPath(new URL("runner/local-guest.sh", import.meta.url));

let home: string;
let rig: Listening;
let service: JobService;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "mayfly-local-"));
  [rig, service] = await Promise.all([listening(systemClock), startJobService(MACHINE)]);
});
afterEach(async () => {
  await Promise.all([rig.close(), service.close()]);
  await rm(home, { recursive: true, force: true });
});

/** As the driver `fake` starts it. */
async function start(lifeSeconds: number) {
  const seed = join(home, "seed.json");
  await writeFile(seed, JSON.stringify(rig.seed({ lifeSeconds })), { mode: 0o600 });
  const vm = spawn(LOCAL_GUEST, {
    env: { PATH: process.env.PATH, HOME: home, MAYFLY_SEED: seed },
    cwd: home,
    stdio: "ignore",
    detached: true,
  });
  const ended = once(vm, "exit");
  await vi.waitFor(() => expect(rig.listener.guests.polling().has(MACHINE)).toBe(true), { timeout: 15_000 });
  rig.listener.guests.answer(MACHINE, { registration: "jit", runnerId: 1, jit: service.jit });
  return { ended };
}

/** Processes that know the machine's folder from their environment, as the driver looks for them. */
async function processesLeft(): Promise<string[]> {
  const left: string[] = [];
  for (const pid of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => ""); // it has just ended
    if (environment.includes(home)) left.push(pid);
  }
  return left;
}

test("a guest without a hypervisor runs its job, ends as a VM is powered off, and leaves no process", async () => {
  service.give({ script: "echo hello" });

  const { ended } = await start(600);
  await ended;

  expect(await service.result).toBe("Succeeded");
  expect(rig.state.machines.get(MACHINE)?.outcome).toMatchObject({ exitCode: 100, ranJob: true });
  await vi.waitFor(async () => expect(await processesLeft()).toEqual([]), { timeout: 5000 });
});

test("a guest without a hypervisor ends with its life, though its job hangs", async () => {
  service.give({ script: "true", env: { STANDIN_BEHAVIOUR: "hang" } });

  const { ended } = await start(3);
  await ended;

  expect(rig.state.machines.get(MACHINE)?.endedAt).toBeUndefined();
  await vi.waitFor(async () => expect(await processesLeft()).toEqual([]), { timeout: 5000 });
});
