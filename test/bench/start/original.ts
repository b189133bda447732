import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { cleanEnv } from "../../../src/drivers/exec.ts";
import { LIBVIRT } from "../../../src/drivers/libvirt-virsh.ts";
import { buildBox } from "../../rig/box/build-box.ts";
import { installationOf, repoNamed } from "../../rig/github/population.ts";
import { issueToken } from "../../rig/github/rest/auth.ts";
import { removeRunner } from "../../rig/github/runners.ts";
import type { EmulatedGitHub } from "../../rig/github/server.ts";
import { RUNNER_PACKAGES, startMirror } from "./mirror.ts";
import { type Starts, sweep } from "./virsh.ts";
import { LIMIT_MS, type Measured, stagesOf, unlessAborted, type Way } from "./way.ts";

export type OriginalParts = {
  github: EmulatedGitHub;
  starts: Starts;
  folder: string;
  undo: (() => Promise<unknown>)[];
  tell: (text: string) => void;
};

const REPO = "octo/original";
const PREFIX = "benchstart-original-";
/** NB: begins as all names of the bench do: the box's volume in the pool is found by it, and removed. */
const BOX = "benchstart-ssh";

/**
 * What Mayfly replaces: `vagrant up` of the same box, but with sshd and nothing of Mayfly's, and everything installed at boot over SSH, from
 * a mirror on this machine. From `vagrant up`.
 */
export async function originalWay({ github, starts, folder, undo, tell }: OriginalParts): Promise<Way> {
  github.addRepository(REPO, { private: true });
  const own = join(folder, "original");
  const env = cleanEnv({ VAGRANT_HOME: join(own, "home"), VAGRANT_CHECKPOINT_DISABLE: "1" });
  await mkdir(join(own, "home"), { recursive: true });
  const { file } = await buildBox("ssh", tell);
  await execa("vagrant", ["box", "add", "--name", BOX, file], { env, extendEnv: false });
  const mirror = await startMirror({ folder: own, host: new URL(github.world.publicUrl).hostname });
  undo.push(mirror.close);

  const provision = (name: string) => ({
    APT_SOURCE: mirror.aptSource,
    RUNNER_URL: mirror.runner.url,
    RUNNER_SHA256: mirror.runner.sha256,
    RUNNER_PACKAGES: RUNNER_PACKAGES.join(" "),
    RUNNER_NAME: name,
    GITHUB_API: `${github.world.publicUrl}/api/v3/repos/${REPO}`,
    GITHUB_URL: `${github.world.publicUrl}/${REPO}`,
    GITHUB_TOKEN: tokenFor(github),
  });

  async function measure(signal: AbortSignal): Promise<Measured> {
    const name = `${PREFIX}${randomUUID().slice(0, 8)}`;
    const order = join(own, `${name}.json`);
    const { uri, pool, network, networkAddress } = LIBVIRT;
    const vm = {
      name,
      box: BOX,
      cpus: 1,
      memoryMiB: 512,
      console: join(own, `${name}.console.log`),
      uri,
      pool,
      network,
      networkAddress,
    };
    await writeFile(order, JSON.stringify({ ...vm, env: provision(name) }), { mode: 0o600 });
    const startedAt = Date.now();
    const up = vagrantUp(order, join(own, name), env, signal);
    try {
      const isOnline = () => github.runners(REPO).some((runner) => runner.name === name && runner.session);
      await Promise.race([unlessAborted(github.until(isOnline, LIMIT_MS), signal), up.failed]);
      const onlineAt = Date.now();
      await up.ended;
      return stagesOf(startedAt, {
        "VM running": await starts.of(name),
        ...up.marks,
        "runner online": onlineAt,
      });
    } finally {
      await up.end();
      await sweep([PREFIX]);
      for (const runner of github.runners(REPO)) removeRunner(github.world, runner);
    }
  }

  return { name: "original", measure };
}

/** Stands for the personal access token that the original was given. */
function tokenFor({ world }: EmulatedGitHub): string {
  const installation = installationOf(world, repoNamed(world, REPO));
  if (!installation) throw new Error(`the App is not installed on ${REPO}`);
  return issueToken(world, installation, {}).token;
}

type Up = {
  /** When each step of provision.sh ended. */
  marks: Record<string, number>;
  ended: Promise<void>;
  /** Rejects if it fails; never resolves. */
  failed: Promise<never>;
  end: () => Promise<void>;
};

function vagrantUp(order: string, folder: string, env: Record<string, string>, signal: AbortSignal): Up {
  const marks: Record<string, number> = {};
  const child = execa("vagrant", ["up", "--no-tty", "--provider", "libvirt"], {
    extendEnv: false,
    env: {
      ...env,
      VAGRANT_CWD: import.meta.dirname,
      VAGRANT_DOTFILE_PATH: `${folder}.dot`,
      BENCH_ORDER: order,
    },
    all: true,
    cancelSignal: signal,
  });
  child.all.pipe(createWriteStream(`${folder}.log`));
  createInterface({ input: child.all }).on("line", (line) => {
    const [, step] = /bench: (.+)$/.exec(line) ?? [];
    if (step !== undefined) marks[step] ??= Date.now();
  });
  const ended = child.then(() => undefined);
  const failed = new Promise<never>((_resolve, reject) => ended.catch(reject));
  return {
    marks,
    ended,
    failed,
    end: async () => {
      child.kill("SIGKILL");
      await ended.catch(() => undefined);
    },
  };
}
