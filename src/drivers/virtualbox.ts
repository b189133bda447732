import { parseName } from "../core/name.ts";
import type { MachineName } from "../core/types.ts";
import { CommandError, type Output, run } from "./exec.ts";
import { type Found, forgetIndex, type Hypervisor, type HypervisorParts } from "./vagrant-hypervisor.ts";

const LIMIT_MS = 60_000;

/** VirtualBox, asked and told through `VBoxManage`. */
export function virtualbox({ controller, vagrantHome }: HypervisorParts): Hypervisor {
  return {
    // NB: a box may have any kind of disk controller, or none that is free: the seed goes over SSH.
    seedBy: "ssh",
    // NB: killed while it imports a box, Vagrant leaves a VM under a name of VirtualBox's own choice.
    endsBuildsWith: "SIGINT",
    survey: (signal) => survey(controller, signal),
    prepare: async () => ({}),
    remove: async ({ name }, signal) => {
      const found = (await survey(controller, signal)).get(name);
      if (!found) return;
      if (found.state === "up") await vboxmanage(["controlvm", name, "poweroff"], signal);
      await vboxmanage(["unregistervm", name, "--delete"], signal);
      await forgetIndex(vagrantHome);
    },
    check: async (signal) => {
      const said = await vboxmanage(["--version"], signal).catch((error: unknown) => error);
      return said instanceof CommandError ? [`VirtualBox cannot be used (${said.message}). Install it.`] : [];
    },
  };
}

const vboxmanage = (args: readonly string[], signal: AbortSignal): Promise<Output> =>
  run(["VBoxManage", ...args], { signal, limitMs: LIMIT_MS });

async function survey(controller: string, signal: AbortSignal): Promise<Map<MachineName, Found>> {
  const { stdout } = await vboxmanage(["list", "vms"], signal);
  const found = new Map<MachineName, Found>();
  for (const [, name] of stdout.matchAll(/^"(.+)" \{[-0-9a-f]+\}$/gm)) {
    if (name === undefined || parseName(controller, name) === "not ours") continue;
    const { stdout: facts } = await vboxmanage(["showvminfo", name, "--machinereadable"], signal);
    found.set(name, lookOf(/^VMState="(.+)"$/m.exec(facts)?.[1] ?? ""));
  }
  return found;
}

/** See: VirtualBox, VBoxManageInfo.cpp, machineStateToName. */
const STATES: ReadonlyMap<string, Found["state"]> = new Map(
  Object.entries<Found["state"]>({
    starting: "building",
    restoring: "building",
    settingup: "building",
    running: "up",
    stopping: "up",
    paused: "up",
    poweroff: "off",
    saved: "off",
    aborted: "broken",
    "aborted-saved": "broken",
    gurumeditation: "broken",
  }),
);

function lookOf(word: string): Found {
  return {
    kind: "vm",
    state: STATES.get(word) ?? "unknown",
    text: word === "running" ? undefined : `VirtualBox: ${word}`,
  };
}
