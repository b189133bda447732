import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mayfly, site, start } from "./cli-site.ts";
import { ENV } from "./config/file.ts";

describe("mayfly --help", () => {
  test("shows every command, an example and the exit codes", async () => {
    const { code, stdout } = await mayfly(["--help"]);

    expect(code).toBe(0);
    for (const command of [
      ...["setup", "start", "demo", "check", "doctor", "relay", "ps", "why", "logs", "images"],
      ...["history", "report"],
      ...["destroy", "drain", "hold", "pause", "resume", "retry", "approve"],
    ]) {
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
      expect.stringMatching(/^environment: There is no GitHub App yet: .* mayfly setup makes one/),
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
    expect(stdout).toMatch(
      /admins may set .*: up to 2 machines; up to 1 linux kept hot; jobs of forks: refuse or approve or allow$/m,
    );
    expect(stdout).toContain("No repository uses the image spare.");
    expect(stdout).toContain("Host lab1: all is well\nEnvironment: all is well");
    expect(code).toBe(0);
  });

  test("wants no webhook secret where GitHub is only asked, and says how often", async () => {
    const { config } = site();
    writeFileSync(config, `${readFileSync(config, "utf8")}intake: poll\n`);

    const { code, stdout } = await mayfly(["check", "--config", config], { ...ENV, WEBHOOK_SECRET: "" });

    expect(stdout).toContain("jobs from http://127.0.0.1:1, which is asked for them every 30 s, guests");
    expect(stdout).toContain("Environment: all is well");
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

  test.runIf(process.getuid?.() === 0)(
    "leaves nothing of its own in a data folder of another user",
    async () => {
      const { config, data } = site();
      mkdirSync(data);
      chownSync(data, 12345, 12345);

      const { code, stderr } = await mayfly(["check", "--config", config], ENV);

      expect(code).toBe(2);
      expect(stderr).toContain('Run the check as that user: sudo -u "#12345" mayfly check');
      expect(readdirSync(data)).toEqual([]);
    },
  );

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
    ["{ labels: [spinw-linux] }", 0, "lead to the image linux"],
    ["{ group: lab, labels: [spinw-linux] }", 2, "are in no group"],
    ["[self-hosted, spinw-linx]", 1, "Its settings page tries a line with them, too."],
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
  test.each([
    [["ps"]],
    [["why", "1"]],
    [["logs", "-f", "1"]],
    [["images"]],
    [["history"]],
    [["report"]],
    [["destroy", "m"]],
    [["drain", "lab1"]],
    [["hold", "m"]],
    [["pause"]],
    [["resume", "octo/spinw"]],
    [["retry", "1"]],
    [["approve", "1"]],
  ])("says what to do: %j", async (args) => {
    const { config, data } = site();

    const { code, stderr } = await mayfly([...args, "--config", config]);

    expect(code).toBe(1);
    expect(stderr).toBe(
      `No controller is running: nobody answers at ${data}/control.sock. Start one with "mayfly start", or name its file with --config.\n`,
    );
  });
});

describe("what is wrong with a command", () => {
  test.each([
    [["history", "--since", "yesterday"], "--since must be a time with its unit, such as 12h or 7d."],
    [["history", "--limit", "0"], "--limit must be a whole number from 1 to 10000."],
    [
      ["hold", "m", "--for", "ever"],
      "--for must be a time with its unit, such as 30m or 2h, or 0 to let it go.",
    ],
  ])("is told with exit code 2: %j", async (args, sentence) => {
    const { config } = site();

    const { code, stderr } = await mayfly([...args, "--config", config]);

    expect({ code, stderr }).toEqual({ code: 2, stderr: `${sentence}\n` });
  });

  test("is for programs with --json", async () => {
    const { config, data } = site();

    const { code, stdout, stderr } = await mayfly(["drain", "lab1", "--json", "--config", config]);

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      error: expect.stringContaining(`nobody answers at ${data}/control.sock`),
    });
    expect(stderr).toBe("");
  });
});

describe("mayfly doctor", () => {
  test("says what is wrong here and at GitHub, without a controller, and ends with 1", async () => {
    const { config } = site({ command: "/no/such/program" });

    const { code, stdout, stderr } = await mayfly(["doctor", "--config", config], ENV);

    expect(code).toBe(1);
    expect(stdout).toMatch(/^Data folder:/);
    expect(stdout).toMatch(/Host lab1:\s+- .*\/no\/such\/program/);
    expect(stdout).toMatch(/GitHub App:\s+- GitHub cannot be asked at http:\/\/127\.0\.0\.1:1\/api\/v3 /);
    expect(stderr).toMatch(/^\d+ things are wrong; see above\.\n$/);
  });

  test("does without GitHub where there are no credentials, and says so for programs", async () => {
    const { config } = site();

    const { code, stdout } = await mayfly(["doctor", "--json", "--config", config], { ...ENV, APP_ID: "" });
    const { ok, sections } = JSON.parse(stdout) as {
      ok: boolean;
      sections: { name: string; faults: string[] }[];
    };

    expect({ code, ok }).toEqual({ code: 1, ok: false });
    expect(sections.at(-1)).toEqual({
      name: "Environment",
      faults: [expect.stringMatching(/^APP_ID is not set/)],
    });
    expect(stdout).not.toContain("PRIVATE KEY");
  });
});

describe("a controller that runs", () => {
  test("can be asked what there is and why a job waits, and told to drain a host", async () => {
    const { config, env } = site();
    const running = await start(config, env);
    const ask = (...args: string[]) => mayfly([...args, "--config", config]);

    const empty = await ask("ps");
    const misspelt = await ask("drain", "lap1");
    const drained = await ask("drain", "lab1", "--json");
    const job = await running.sendJob("queued");
    await running.log({ msg: "job seen", status: "queued" });
    const ps = await ask("ps");
    const why = await ask("why", `https://github.com/octo/spinw/actions/runs/1/job/${job.id}?pr=5`);
    const run = await ask("why", `https://github.com/octo/spinw/actions/runs/${job.run}`);
    const page = await ask("why", "https://github.com/octo/spinw/actions");

    expect(empty.stdout).toContain("No machine is there.");
    expect(misspelt).toMatchObject({ code: 1, stderr: expect.stringContaining("Perhaps lab1 was meant.") });
    expect(JSON.parse(drained.stdout)).toEqual({
      sentence: expect.stringContaining("Host lab1 gets no more machines."),
    });
    expect(ps.stdout).toMatch(new RegExp(`${job.id} +octo/spinw .* 1st in the queue: lab1 is drained`));
    expect(why.stdout).toContain("Its labels (self-hosted and spinw-linux) lead to the image linux.");
    expect(why.stdout).toMatch(/What has happened\n {2}\S+ {2}the job is queued\n$/);
    expect(run.stdout).toContain("It is 1st in the queue: lab1 is drained.");
    expect(run.stdout).not.toContain("What has happened");
    expect(page).toMatchObject({ code: 1, stderr: expect.stringContaining("Open the job in the browser") });
    expect(await running.end()).toBe(0);
  });

  test("pauses and resumes orders when it is told to", async () => {
    const { config, env } = site();
    const running = await start(config, env);
    const ask = (...args: string[]) => mayfly([...args, "--config", config]);

    const paused = await ask("pause", "octo/spinw", "--json");
    const job = await running.sendJob("queued");
    await running.log({ msg: "job seen", status: "queued" });
    const why = await ask("why", String(job.id));
    const resumed = await ask("resume", "octo/spinw");
    await running.log({ step: "start" });

    expect(JSON.parse(paused.stdout)).toEqual({
      sentence: expect.stringContaining("No more machines are ordered for octo/spinw."),
    });
    expect(why.stdout).toContain("1st in the queue: octo/spinw is paused");
    expect(why.stdout).toContain("or with: mayfly resume octo/spinw");
    expect(resumed.stdout).toMatch(/^Machines are ordered for octo\/spinw again/);
    expect(await running.end()).toBe(0);
  });

  test("holds a machine, and has nothing to retry or to approve, when it is told to", async () => {
    const { config, env } = site();
    const running = await start(config, env);
    const ask = (...args: string[]) => mayfly([...args, "--config", config]);
    const job = await running.sendJob("queued");
    const { machine } = await running.log({ step: "start" });

    const held = await ask("hold", String(machine), "--for", "2h");
    const letGo = await ask("hold", String(machine), "--for", "0");
    const retried = await ask("retry", String(job.id));
    const approved = await ask("approve", `https://github.com/octo/spinw/actions/runs/1/job/${job.id}`);
    const nonsense = await ask("retry", "nonsense");

    expect(held.stdout).toMatch(
      new RegExp(`^The VM of ${machine} is not destroyed before \\d\\d:\\d\\d \\(UTC\\)`),
    );
    expect(letGo.stdout).toBe(`Machine ${machine} is not held any more.\n`);
    expect(retried).toMatchObject({ code: 1, stderr: expect.stringContaining("it was not given up") });
    expect(approved).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("waits for nobody's approval"),
    });
    expect(nonsense).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("neither the number of a job"),
    });
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
