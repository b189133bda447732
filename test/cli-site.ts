import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { ENV } from "./config/file.ts";
import { EXAMPLES, signed } from "./support/webhook.ts";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));

/** A folder with a catalogue whose VMs are programs that sleep. Its GitHub is a port at which nobody listens. */
export function site({
  text,
  command = "sleep",
  box,
}: {
  text?: string;
  command?: string;
  box?: string;
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = join(folder, "mayfly.yml");
  const controller = `t${randomBytes(5).toString("hex")}`;
  writeFileSync(config, text ?? catalogue(controller, command, box));
  return { folder, config, controller, data: join(folder, "data"), env: { ...ENV, LOG_LEVEL: "debug" } };
}

const catalogue = (
  controller: string,
  command: string,
  box = "debian/bookworm64",
): string => `controller: ${controller}
data: data
github: { url: http://127.0.0.1:1 }
web: { listen: 127.0.0.1:0 }
guests: { listen: 127.0.0.1:0, url: https://127.0.0.1:8443 }
hosts:
  - { name: lab1, driver: fake, command: [${command}, "60"], machines: 2, starting: 1, cpus: 8, memory: 16 GiB }
images:
  - name: linux
    os: linux
    labels: [self-hosted, linux, x64, spinw-linux]
    box: { name: "${box}" }
  - name: spare
    os: linux
    labels: [self-hosted, linux, x64, spinw-spare]
    box: { name: debian/bookworm64 }
repositories:
  - { name: octo/spinw, images: [linux], mostHot: { linux: 1 }, forks: allow }
`;

type Answer = { code: number; stdout: string; stderr: string };

/** Runs the real command. NB: not in this environment, which may have secrets of its own. */
export function mayfly(args: string[], env: Record<string, string> = {}): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const options = { env: { PATH: process.env.PATH, ...env }, timeout: 15_000 };
  execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) =>
    resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
  );
  return promise;
}

type Line = Record<string, unknown>;

/** Starts a controller, and answers when it runs. */
export async function start(config: string, env: Record<string, string>) {
  const child = spawn(process.execPath, [CLI, "start", "--config", config], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = new Promise<number>((resolve) => void child.once("exit", (code) => resolve(code ?? -1)));
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line));
    for (const watcher of watchers) watcher();
  });
  /** The first line that has these fields, now or later. */
  const log = (fields: Line): Promise<Line> => {
    const { promise, resolve, reject } = Promise.withResolvers<Line>();
    const look = () => {
      const line = lines.find((each) => Object.entries(fields).every(([key, value]) => each[key] === value));
      if (line) resolve(line);
    };
    watchers.add(look);
    void ended.then((code) => reject(new Error(`it ended with ${code}: ${JSON.stringify(lines)}`)));
    look();
    return promise;
  };
  const { web } = await log({ msg: "Mayfly is running" });

  return {
    log,
    get: async (path: string) => (await fetch(`${web}${path}`)).text(),
    /** Sends GitHub's own example of a job, with our repository and labels; a completed one was cancelled. `number`: to tell several. */
    sendJob: async (action: "queued" | "completed", number = 0) => {
      const example = EXAMPLES.find((each) => each.action === "queued");
      const end =
        action === "completed" ? { conclusion: "cancelled", completed_at: "2026-11-23T12:00:00Z" } : {};
      const job = {
        ...example?.workflow_job,
        id: Number(example?.workflow_job.id) + number,
        labels: ["self-hosted", "spinw-linux"],
        status: action,
        ...end,
      };
      const repository = { ...example?.repository, full_name: "octo/spinw", name: "spinw" };
      const payload = { ...example, action, workflow_job: job, repository, installation: { id: 7 } };
      const body = JSON.stringify(payload);
      const headers = signed(body, "workflow_job", ENV.WEBHOOK_SECRET);
      const response = await fetch(`${web}/webhook`, { method: "POST", headers, body });
      expect(response.status).toBe(202);
      return { id: Number(job.id), run: example?.workflow_job.run_id ?? 0 };
    },
    /** Tells it to end, and answers its exit code. */
    end: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}
