import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { ENV } from "./config/file.ts";
import { EXAMPLES, signed } from "./support/webhook.ts";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));

describe("mayfly --help", () => {
  test("shows every command, an example and the exit codes", async () => {
    const { code, stdout } = await mayfly(["--help"]);

    expect(code).toBe(0);
    for (const command of ["start", "demo", "check", "ps", "why", "destroy", "drain"]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, "m"));
    }
    expect(stdout).toContain("mayfly demo --driver fake");
    expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 something in the set-up is wrong.");
  });

  test("is there for each command", async () => {
    const { code, stdout } = await mayfly(["drain", "--help"]);

    expect(code).toBe(0);
    expect(stdout).toContain("give a host no more machines");
  });
});

describe("a command that is none", () => {
  test.each([
    [["strat"], "unknown command 'strat'"],
    [["why"], "missing required argument 'job'"],
    [["ps", "--jason"], "unknown option '--jason'"],
    [["demo", "--driver", "hyperv"], "Allowed choices are vagrant, fake"],
  ])("is refused: %j", async (args, text) => {
    const { code, stderr } = await mayfly(args);

    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe("a set-up with faults", () => {
  test("is told in sentences, without a stack trace, with exit code 2", async () => {
    const { config } = site({ text: "controller: My Lab\n" });

    const { code, stdout, stderr } = await mayfly(["start", "--config", config], {});

    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/^mayfly\.yml:1:1: hosts is missing; /),
      expect.stringMatching(/^mayfly\.yml:1:1: images is missing; /),
      expect.stringMatching(/^mayfly\.yml:1:1: repositories is missing; /),
      expect.stringMatching(/^mayfly\.yml:1:13: controller must have /),
      expect.stringMatching(/^environment: APP_ID is not set\. /),
      expect.stringMatching(/^environment: PRIVATE_KEY_PATH is not set\. /),
      expect.stringMatching(/^environment: WEBHOOK_SECRET is not set\. /),
    ]);
  });

  test("shows where it was found when that is asked for", async () => {
    const { config } = site({ text: "controller: My Lab\n" });

    const { stderr } = await mayfly(["check", "--config", config], { LOG_LEVEL: "debug" });

    expect(stderr).toMatch(/SetupError: .*\n(?:.*\n)* {4}at /);
  });

  test("may be a file that is not there, which MAYFLY_CONFIG may name", async () => {
    const { code, stderr } = await mayfly(["check"], { MAYFLY_CONFIG: "/no/such.yml" });

    expect(code).toBe(2);
    expect(stderr).toContain("There is no /no/such.yml. Copy mayfly.example.yml to it");
  });
});

describe("mayfly check", () => {
  test("says what the catalogue means, and ends with 0 when all is well", async () => {
    const { config } = site();

    const { code, stdout } = await mayfly(["check", "--config", config], ENV);

    expect(stdout).toMatch(/lab1 +fake \(programs, no VMs\) +2 +1 +8 CPUs, 16 GiB/);
    expect(stdout).toMatch(
      /linux +linux x64 +2 CPUs, 4 GiB +debian\/bookworm64 \(installs at each boot\) +lab1 +2 /,
    );
    expect(stdout).toMatch(/runs-on: \[self-hosted, linux, x64, spinw-linux\] +-> linux/);
    expect(stdout).toMatch(/runs-on: \[spinw-linux\] +-> linux/);
    expect(stdout).toContain("No repository uses the image spare.");
    expect(stdout).toContain("Host lab1: all is well\nEnvironment: all is well");
    expect(code).toBe(0);
  });

  test("says what is missing on a host and in the environment, and ends with 2", async () => {
    const { config } = site({ command: "/no/such/program" });

    const { code, stdout, stderr } = await mayfly(["check", "--config", config], { ...ENV, APP_ID: "" });

    expect(code).toBe(2);
    expect(stdout).toMatch(/Host lab1:\s+- .*\/no\/such\/program/);
    expect(stdout).toMatch(/Environment:\s+- APP_ID is not set/);
    expect(stderr).toBe("2 things are missing; see above.\n");
  });

  test("is for programs with --json, and shows no secret", async () => {
    const { config } = site();

    const { stdout } = await mayfly(["check", "--config", config, "--json"], ENV);

    expect(JSON.parse(stdout)).toMatchObject({
      settings: { catalogue: { hosts: [{ name: "lab1" }] } },
      hosts: [{ host: "lab1", faults: [] }],
      environment: [],
    });
    expect(stdout).not.toContain(ENV.WEBHOOK_SECRET);
    expect(stdout).not.toContain("PRIVATE KEY");
  });

  test.each([
    ["spinw-linux", 0, "lead to the image linux"],
    ["[self-hosted, SpinW-Linux]", 0, "lead to the image linux"],
    ["runs-on: [self-hosted, spinw-linux]", 0, "lead to the image linux"],
    ["{ group: lab, labels: [spinw-linux] }", 0, "lead to the image linux"],
    ["[self-hosted, spinw-linx]", 1, "No image has the label spinw-linx; the nearest is spinw-linux."],
    ["[self-hosted, linux]", 1, "It asks for general labels only"],
    ["[self-hosted", 2, '--runs-on must be what stands after "runs-on:"'],
  ])("says where %s leads", async (runsOn, exitCode, text) => {
    const { config } = site();

    const { code, stdout, stderr } = await mayfly(["check", "--config", config, "--runs-on", runsOn]);

    expect(code).toBe(exitCode);
    expect(exitCode === 0 ? stdout : stderr).toContain(text);
  });

  test("tries labels for a repository that is not served", async () => {
    const { config } = site();

    const { code, stderr } = await mayfly([
      "check",
      "-c",
      config,
      "--runs-on",
      "spinw-linux",
      "--repo",
      "octo/other",
    ]);

    expect(code).toBe(1);
    expect(stderr).toContain("octo/other is not among the repositories of this controller.");
  });
});

describe("a command for a controller that does not run", () => {
  test.each([[["ps"]], [["why", "1"]], [["destroy", "m"]], [["drain", "lab1"]]])(
    "says what to do: %j",
    async (args) => {
      const { config, data } = site();

      const { code, stderr } = await mayfly([...args, "--config", config]);

      expect(code).toBe(1);
      expect(stderr).toBe(
        `No controller is running: nobody answers at ${data}/control.sock. Start one with "mayfly start", or name its file with --config.\n`,
      );
    },
  );
});

describe("a controller that runs", () => {
  test("can be asked what there is and why a job waits, and told to drain a host", async () => {
    const { config, env } = site();
    const running = await start(config, env);
    const ask = (...args: string[]) => mayfly([...args, "--config", config]);

    const empty = await ask("ps");
    const misspelt = await ask("drain", "lap1");
    const drained = await ask("drain", "lab1");
    const job = await running.sendJob("queued");
    await running.log({ msg: "job seen", status: "queued" });
    const ps = await ask("ps");
    const why = await ask("why", `https://github.com/octo/spinw/actions/runs/1/job/${job.id}?pr=5`);
    const run = await ask("why", "https://github.com/octo/spinw/actions/runs/1");

    expect(empty.stdout).toContain("No machine is there.");
    expect(misspelt).toMatchObject({ code: 1, stderr: expect.stringContaining("Perhaps lab1 was meant.") });
    expect(drained.stdout).toContain("Host lab1 gets no more machines.");
    expect(ps.stdout).toMatch(new RegExp(`${job.id} +octo/spinw .* 1st in the queue: lab1 is drained`));
    expect(why.stdout).toContain("Its labels (self-hosted and spinw-linux) lead to the image linux.");
    expect(why.stdout).toMatch(/What has happened\n {2}\S+ {2}the job is queued\n$/);
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("Open the job in the browser") });
    expect(await running.end()).toBe(0);
  });

  test("destroys a machine when it is told to", async () => {
    const { config, env, controller, data } = site();
    const running = await start(config, env);
    const ask = (...args: string[]) => mayfly([...args, "--config", config]);
    await running.sendJob("queued");
    const { machine } = await running.log({ step: "start" });
    await running.sendJob("completed");
    await running.log({ msg: "job seen", status: "done" });

    const { stdout } = await ask("destroy", String(machine));

    expect(machine).toMatch(new RegExp(`^mayfly-${controller}-linux-`));
    expect(stdout).toBe(`Machine ${machine} will be destroyed now, with whatever runs in it.\n`);
    await running.log({ step: "destroy", machine });
    const left = readdirSync(join(data, "hosts"), { recursive: true, encoding: "utf8" });
    expect(left.filter((path) => path.includes(String(machine)))).toEqual([]);
    expect(await running.end()).toBe(0);
  });

  test("keeps a second one of its name away", async () => {
    const { config, env, controller } = site();
    const running = await start(config, env);

    const second = await mayfly(["start", "--config", config], env);

    expect(second).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`A controller named ${controller} runs on this machine already.`),
    });
    expect(await running.end()).toBe(0);
  });

  test("reads its secrets from a file .env beside the catalogue", async () => {
    const { config, env, folder } = site();
    const lines = Object.entries(env).map(([key, value]) => `${key}="${value.replaceAll("\n", "\\n")}"`);
    writeFileSync(join(folder, ".env"), lines.join("\n"));

    const running = await start(config, {});

    expect(await running.end()).toBe(0);
  });
});

/** A folder with a catalogue whose VMs are programs that sleep. Its GitHub is a port at which nobody listens. */
function site({ text, command = "sleep" }: { text?: string; command?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const config = join(folder, "mayfly.yml");
  const controller = `t${randomBytes(5).toString("hex")}`;
  writeFileSync(config, text ?? catalogue(controller, command));
  return { folder, config, controller, data: join(folder, "data"), env: { ...ENV, LOG_LEVEL: "debug" } };
}

const catalogue = (controller: string, command: string): string => `controller: ${controller}
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
    box: { name: debian/bookworm64 }
  - name: spare
    os: linux
    labels: [self-hosted, linux, x64, spinw-spare]
    box: { name: debian/bookworm64 }
repositories:
  - { name: octo/spinw, images: [linux] }
`;

type Answer = { code: number; stdout: string; stderr: string };

/** Runs the real command. NB: not in this environment, which may have secrets of its own. */
function mayfly(args: string[], env: Record<string, string> = {}): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const options = { env: { PATH: process.env.PATH, ...env }, timeout: 15_000 };
  execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) =>
    resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
  );
  return promise;
}

type Line = Record<string, unknown>;

/** Starts a controller, and answers when it runs. */
async function start(config: string, env: Record<string, string>) {
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
    /** Sends GitHub's own example of a job, with our repository and labels; a completed one was cancelled. */
    sendJob: async (action: "queued" | "completed") => {
      const example = EXAMPLES.find((each) => each.action === "queued");
      const end =
        action === "completed" ? { conclusion: "cancelled", completed_at: "2026-11-23T12:00:00Z" } : {};
      const job = {
        ...example?.workflow_job,
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
      return { id: Number(job.id) };
    },
    end: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}
