import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseName } from "../core/name.ts";
import type { MachineName } from "../core/types.ts";
import { type Driver, NoRoom, SetupError, type StartOrder } from "../ports.ts";
import { endingBoxes } from "./box-expiry.ts";
import { printable } from "./exec.ts";
import { readTail } from "./files.ts";
import { hypervisorOf } from "./hypervisors.ts";
import type { DriverParts } from "./parts.ts";
import { type Boxes, boxes } from "./vagrant-box.ts";
import { builder } from "./vagrant-build.ts";
import { type Builds, builds } from "./vagrant-builds.ts";
import { checkVagrant } from "./vagrant-check.ts";
import { endStray, isAlive } from "./vagrant-child.ts";
import { type MachineFolder, machineFolders, readEnd, readRun } from "./vagrant-folder.ts";
import { merge, type Story } from "./vagrant-look.ts";
import { cloudVariables } from "./vagrant-openstack.ts";
import { readable } from "./vagrant-said.ts";
import { waitingVagrants } from "./vagrant-waiting.ts";

/**
 * Makes VMs with `vagrant up`, one process for each. What there is, is asked of the hypervisor itself, for Vagrant knows only
 * what it has made and not what became of it.
 */
export function vagrantDriver(parts: DriverParts): Driver {
  const { host, controller, clock } = parts;
  const { env, machines, hypervisor, vagrants, work } = workshop(parts);
  const isOurs = (name: string) => parseName(controller, name) !== "not ours";

  const names = async () => (await machines.names()).filter(isOurs);

  async function stories(): Promise<Map<MachineName, Story>> {
    const read = (await names()).map(
      async (name) => [name, await storyOf(name, machines.of(name), work)] as const,
    );
    return new Map(await Promise.all(read));
  }

  return {
    // WARN: not all at once. A build that ends, or begins, while the hypervisor is asked would make its VM look gone, or left over.
    list: async (signal) => merge(await stories(), await hypervisor.survey(signal), await names()),

    start: async (order) => {
      if (!isOurs(order.name)) throw new Error(`${order.name} is no name for this controller's machines`);
      await work.start(order);
    },

    destroy: async (name, signal) => {
      if (!isOurs(name)) throw new Error(`${name} is none of this controller's machines`);
      await work.halt(name, hypervisor.endsBuildsWith);
      const machine = machines.of(name);
      const run = await readRun(machine);
      if (run) await endStray(run, hypervisor.endsBuildsWith, clock, signal);
      await hypervisor.remove({ name, order: machine.order, dotFolder: run?.dotFolder }, signal);
      if (run) await rm(run.dotFolder, { recursive: true, force: true });
      await machines.remove(name);
    },

    check: async (signal) => [
      ...(await checkVagrant(host, env, signal)),
      ...(await hypervisor.check(signal)),
      ...(await endingBoxes(parts.images, clock.now())),
    ],

    evidence: (name) => evidenceOf(machines.of(name)),

    close: async () => {
      await work.close();
      await vagrants.close();
    },
  };
}

async function storyOf(name: MachineName, machine: MachineFolder, work: Builds): Promise<Story> {
  const [run, end] = await Promise.all([readRun(machine), readEnd(machine)]);
  const isBuilding = work.isUnderWay(name) || (!end && run !== undefined && (await isAlive(run)));
  return { isBuilding, end };
}

async function evidenceOf({ console, log }: MachineFolder): Promise<Record<string, string>> {
  const files = [
    ["console.log", printable(await readTail(console))],
    ["vagrant.log", readable(await readTail(log))],
  ] as const;
  return Object.fromEntries(files.filter(([, text]) => text.trim() !== ""));
}

/** What the driver's verbs are made of. */
function workshop(parts: DriverParts) {
  const { host, controller, folder, project, clock, log } = parts;
  const vagrantHome = join(folder, "vagrant");
  // NB: others may pass through, for QEMU's own user reads kernels that lie in a box's folder.
  mkdirSync(vagrantHome, { recursive: true, mode: 0o711 });
  const env = {
    ...{ VAGRANT_HOME: vagrantHome, VAGRANT_CWD: vagrantHome, VAGRANT_CHECKPOINT_DISABLE: "1" },
    ...cloudVariables(host.provider, process.env),
  };
  const paths = { vagrantHome, machines: join(folder, "machines"), vagrantfile: join(project, "vagrant") };
  const machines = machineFolders(paths.machines);
  const hypervisor = hypervisorOf({ host, controller, clock, env, ...paths });
  const vagrants = waitingVagrants({
    args: ["up", "--machine-readable", "--provider", host.provider],
    env: { ...env, VAGRANT_CWD: paths.vagrantfile },
    dotFolders: join(folder, "dot"),
    ...{ machines, clock, log },
  });
  const has = boxes({ vagrantHome, provider: host.provider, env, clock, log });
  const build = builder({
    ...{ host, hypervisor, vagrants, clock, project, runnerMirror: parts.runnerMirror },
    boxes: has,
  });
  const work = builds({ machines, admit: admission(has), build, log, ring: parts.ring });
  return { env, machines, hypervisor, vagrants, work };
}

/** NB: a box that has ended is no failure of its machines. Their jobs wait, and lose no try. */
const admission =
  (has: Boxes) =>
  async ({ image: { box } }: StartOrder): Promise<void> => {
    if (!box) return;
    await has.refuseEnded(box).catch((error: unknown) => {
      if (!(error instanceof SetupError)) throw error;
      throw new NoRoom(error.message, { cause: error, isOfImage: true });
    });
  };
