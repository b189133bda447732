import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { systemClock } from "../../../src/clock.ts";
import type { Repository } from "../../../src/core/types.ts";
import { LIBVIRT } from "../../../src/drivers/libvirt-virsh.ts";
import { seedDisk } from "../../../src/drivers/vagrant-order.ts";
import { githubPort } from "../../../src/github/port.ts";
import type { GitHub, Seed } from "../../../src/ports.ts";
import type { EmulatedGitHub } from "../../rig/github/server.ts";
import { openDesk } from "./desk.ts";
import { type Starts, sweep, virsh } from "./virsh.ts";
import { LIMIT_MS, type Measured, stagesOf, unlessAborted, type Way } from "./way.ts";

/** A VM that Mayfly made, as libvirt describes it: its definition and its disk, both XML. */
export type Template = { machine: string; domain: string; disk: string };

export type BareParts = {
  github: EmulatedGitHub;
  starts: Starts;
  template: Template;
  folder: string;
  undo: (() => Promise<unknown>)[];
};

const REPO: Repository = {
  name: "octo/bare",
  images: [],
  machines: 1,
  hot: {},
  registration: "jit",
  onGiveUp: "wait",
};
const PREFIX = "benchstart-bare-";
const CLEANUP_MS = 30_000;

/**
 * The lower bound: the same VM as Mayfly's (definition, disk, seed), made by hand. Everything is ready before the clock starts, right
 * before `virsh start`, and the guest's claim is answered at once with a registration that was made before.
 */
export async function bareWay({ github, starts, template, folder, undo }: BareParts): Promise<Way> {
  github.addRepository(REPO.name, { private: true });
  const port = portTo(github);
  const desk = await openDesk({
    folder: join(folder, "bare"),
    host: new URL(github.world.publicUrl).hostname,
  });
  undo.push(desk.close);

  async function measure(signal: AbortSignal): Promise<Measured> {
    const name = `${PREFIX}${randomUUID().slice(0, 8)}`;
    const registration = await port.register(REPO, name, ["bench"], signal);
    if (registration === "taken" || registration.registration !== "jit")
      throw new Error(`GitHub gave no registration to ${name}`);
    const { seed, times } = await desk.expect(name, registration);
    try {
      await define(name, { template, folder, seed });
      const startedAt = Date.now();
      await virsh("start", name);
      const isOnline = () => github.runners(REPO.name).some((one) => one.name === name && one.session);
      await unlessAborted(github.until(isOnline, LIMIT_MS), signal);
      const onlineAt = Date.now();
      return stagesOf(startedAt, {
        "VM running": await starts.of(name),
        "guest asked": times.get("guest-asked"),
        "guest answered": times.get("machine-configured"),
        "runner online": onlineAt,
      });
    } finally {
      await sweep([PREFIX]);
      await port.remove(REPO.name, registration.runnerId, AbortSignal.timeout(CLEANUP_MS));
    }
  }

  return { name: "bare", measure };
}

function portTo({ app, apiUrl }: EmulatedGitHub): GitHub {
  const log = pino({ level: "warn" });
  return githubPort({ appId: app.id, privateKey: app.privateKey, apiUrl, log, clock: systemClock }).github;
}

/** Defines the VM: the template's definition and disk under another name, with a seed of its own. Does not start it. */
async function define(
  name: string,
  { template, folder, seed }: { template: Template; folder: string; seed: Seed },
): Promise<void> {
  const { pool } = LIBVIRT;
  const file = (kind: string) => join(folder, `${name}.${kind}`);
  const rename = (xml: string) => xml.replaceAll(template.machine, name);
  const domain = rename(template.domain)
    .replace(/<uuid>.*<\/uuid>/, "")
    .replace(/<mac address=.*\/>/, "")
    .replaceAll(/'[^']*\/console\.log'/g, `'${file("console")}'`);
  const volumes = Array.from(domain.matchAll(/<source file='[^']*\/([^'/]+)'/g), ([, volume]) => volume);
  const seedVolume = volumes.find((volume) => volume !== `${name}.img`);
  if (seedVolume === undefined) throw new Error(`${template.machine} has no disk for its seed`);
  await writeFile(file("domain"), domain);
  await writeFile(file("disk"), rename(template.disk));
  await writeFile(file("seed"), seedDisk(seed), { mode: 0o600 });
  await virsh("vol-create", pool, file("disk"));
  await virsh("vol-create-as", pool, `${name}-vdz.raw`, "64K", "--format", "raw");
  await virsh("vol-upload", "--pool", pool, `${name}-vdz.raw`, file("seed"));
  await virsh("define", file("domain"));
}
