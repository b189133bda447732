#!/usr/bin/env node
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { ps, why } from "./cli/ask.ts";
import { DONE, FAILED, SETUP } from "./cli/exit.ts";
import { history, report } from "./cli/history.ts";
import { images } from "./cli/images.ts";
import { logs } from "./cli/logs.ts";
import { destroy, drain, hold, orderJob, pause } from "./cli/orders.ts";
import { CommandFailed } from "./control/client.ts";
import { SetupError } from "./ports.ts";

const EXAMPLES = `
Examples:
  mayfly demo --driver fake                try it: no hypervisor, no GitHub, some seconds
  mayfly check                             what mayfly.yml means, and what is missing
  mayfly check --runs-on "[self-hosted, spinw-linux]" --repo SpinW/spinw
  mayfly setup                             make the GitHub App, in the browser
  mayfly start                             run the controller
  mayfly doctor                            what is wrong here and at GitHub, and what to do
  mayfly ps --watch                        hosts, machines and jobs, as they change
  mayfly relay                             pass webhooks on to a controller behind a firewall
  mayfly why https://github.com/SpinW/spinw/actions/runs/1/job/2
  mayfly logs -f 12345678                  what the machine of a job says, as it says it
  mayfly report --month 2026-11            what each repository used

The GitHub App is the one that mayfly setup made, whose credentials are in the data folder; or what the environment says, or a file
.env beside mayfly.yml:
  APP_ID, PRIVATE_KEY_PATH (or PRIVATE_KEY), WEBHOOK_SECRET (and WEBHOOK_SECRET_OLD while it is changed),
  RELAY_URL if GitHub cannot reach this machine, CLIENT_ID and CLIENT_SECRET if people are to sign in to the pages.

Exit codes: 0 done, 1 failed, 2 something in the set-up is wrong.`;

const RELAY_HELP = `
GitHub posts webhooks to https://<your address>/<token>, and a Mayfly that GitHub cannot reach listens there: its RELAY_URL.
The last messages are held in memory, nothing is written. A web server with a certificate goes in front of it.

Environment:
  RELAY_TOKEN            at least 16 letters, digits, - and _: openssl rand -hex 32. Whoever knows it can listen and post
  RELAY_WEBHOOK_SECRET   the App's webhook secret, if webhooks that GitHub did not sign are to be refused here already
  LOG_LEVEL              debug, info, warn or error`;

// NB: who pipes into `head` has seen enough.
process.stdout.on("error", () => process.exit(FAILED));
process.exitCode = await run(process.argv);

async function run(argv: readonly string[]): Promise<number> {
  let code = DONE;
  const program = newProgram((answer) => {
    code = answer;
  });
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : SETUP;
    return tell(error, argv.includes("--json"));
  }
}

function newProgram(answer: (code: number) => void): Command {
  const program = new Command("mayfly")
    .description(
      "Gives every GitHub Actions job its own throw-away virtual machine, on hardware you already own.",
    )
    .version(packageJson.version)
    .addOption(new Option("-c, --config <file>", "the catalogue").env("MAYFLY_CONFIG").default("mayfly.yml"))
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("(mayfly --help says more)")
    .exitOverride()
    .hook("preAction", (root) => loadEnv(root.opts<{ config: string }>().config));

  program
    .command("start")
    .description(
      "run the controller until it is told to end (SIGTERM, Ctrl+C); VMs and their jobs go on meanwhile",
    )
    .action(async (_, command: Command) => (await import("./cli/start.ts")).start(command.optsWithGlobals()));
  program
    .command("demo")
    .description(
      "show it all on this machine, with an emulated GitHub: three jobs, a VM for each that runs, nothing left behind",
    )
    .addOption(
      new Option("--driver <driver>", "vagrant boots real VMs; fake runs a program instead")
        .choices(["vagrant", "fake"])
        .default("vagrant"),
    )
    .option("--stay", "leave it running to look at")
    .action(async (options) => answer(await (await import("./cli/start.ts")).demo(options)));
  program
    .command("check")
    .description("say what the catalogue means, what is missing on the hosts, and where labels lead")
    .option("--runs-on <labels>", "say where this runs-on line of a workflow leads, and do nothing else")
    .option("--repo <owner/name>", "the repository of that workflow")
    .option("--json", "for programs")
    .action(async (_, command: Command) =>
      answer(await (await import("./cli/check.ts")).check(command.optsWithGlobals())),
    );
  program
    .command("doctor")
    .description(
      "say what is wrong on this machine and at GitHub, and what to do; needs no running controller",
    )
    .option("--json", "for programs")
    .action(async (_, command: Command) =>
      answer(await (await import("./cli/doctor.ts")).doctor(command.optsWithGlobals())),
    );
  addSetup(program, answer);
  addRelay(program);
  addQuestions(program);
  addReports(program);
  addOrders(program);
  return program;
}

function addSetup(program: Command, answer: (code: number) => void): void {
  program
    .command("setup")
    .description(
      "make the GitHub App in the browser, step by step, and keep its credentials; mayfly start does it, too",
    )
    .action(async (_, command: Command) =>
      answer(await (await import("./cli/setup.ts")).setup(command.optsWithGlobals())),
    );
}

/** NB: it needs no catalogue, and may run where there is none. */
function addRelay(program: Command): void {
  program
    .command("relay")
    .description("run a relay of your own, for a controller that GitHub cannot reach; needs no mayfly.yml")
    .option("--listen <address:port>", "where it listens, without TLS", "127.0.0.1:8080")
    .addHelpText("after", RELAY_HELP)
    .action(async (options: { listen: string }) => (await import("./cli/relay.ts")).relay(options));
}

/** Commands that ask a controller that is running. */
function addQuestions(program: Command): void {
  program
    .command("ps")
    .description("show hosts, pools, machines and open jobs")
    .option("-w, --watch", "go on showing them, until Ctrl+C")
    .option("--json", "for programs; with --watch one object a line, whenever something changed")
    .action((_, command: Command) => ps(command.optsWithGlobals()));
  program
    .command("why")
    .description("say why a job is not running, or what became of it")
    .argument("<job>", "its number, the address of its page at GitHub, or that of its run")
    .option("--json", "for programs")
    .action((job: string, _, command: Command) => why(job, command.optsWithGlobals()));
  program
    .command("images")
    .description("list the cloud images, how old they are, and how candidates do")
    .option("--json", "for programs")
    .action((_, command: Command) => images(command.optsWithGlobals()));
  program
    .command("logs")
    .description("show what a machine's driver, its VM and its guest said, also of one that failed")
    .argument("<job or machine>", "a job's number or address at GitHub, or a machine's name")
    .option("-f, --follow", "go on until the machine is over")
    .option("--json", "for programs; with --follow one object a line")
    .action((what: string, _, command: Command) => logs(what, command.optsWithGlobals()));
}

/** Commands that ask it what was. */
function addReports(program: Command): void {
  program
    .command("history")
    .description("list jobs that are over, newest first")
    .option("--repo <owner/name>", "of this repository only")
    .option("--since <time>", "how far back: 12h, 7d", "7d")
    .option("--limit <number>", "how many at most", "50")
    .option("--json", "for programs")
    .action((_, command: Command) => history(command.optsWithGlobals()));
  program
    .command("report")
    .description("say what each repository used in a month: jobs, VM hours, time in the queue, failures")
    .option("--month <month>", "such as 2026-11; this month, if left out")
    .option("--json", "for programs")
    .action((_, command: Command) => report(command.optsWithGlobals()));
}

/** Commands that tell it what to do. */
function addOrders(program: Command): void {
  addJobOrders(program);
  for (const [name, paused, description] of [
    [
      "pause",
      true,
      "order no more machines for a repository, or for any; what runs or is on its way goes on",
    ],
    ["resume", false, "order machines again for a repository, or for all that are not paused by themselves"],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument("[owner/name]", "the repository; all, if left out")
      .option("--json", "for programs")
      .action((repo: string | undefined, _, command: Command) =>
        pause(repo, paused, command.optsWithGlobals()),
      );
  }
  program
    .command("hold")
    .description("keep a machine's VM, whatever becomes of it, so that somebody can look into it")
    .argument("<machine>", "its name, as in mayfly ps")
    .option("--for <time>", "how long: 30m, 2h, a day at most; 0 lets it go", "30m")
    .option("--json", "for programs")
    .action((machine: string, _, command: Command) => hold(machine, command.optsWithGlobals()));
  program
    .command("destroy")
    .description("destroy a machine now, with whatever runs in it")
    .argument("<machine>", "its name, as in mayfly ps")
    .option("--json", "for programs")
    .action((machine: string, _, command: Command) => destroy(machine, command.optsWithGlobals()));
  program
    .command("drain")
    .description("give a host no more machines; those at work may end")
    .argument("<host>", "its name in the catalogue")
    .option("--off", "give it machines again")
    .option("--json", "for programs")
    .action((host: string, _, command: Command) => drain(host, command.optsWithGlobals()));
}

function addJobOrders(program: Command): void {
  for (const [name, description] of [
    ["retry", "try a job again from the beginning that was given up"],
    ["approve", "let a job of a fork's pull request run, with all of its attempt of the run"],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument("<job>", "its number, or the address of its page at GitHub")
      .option("--json", "for programs")
      .action((job: string, _, command: Command) => orderJob(name, job, command.optsWithGlobals()));
  }
}

/** NB: what is in the environment already comes first. */
function loadEnv(config: string): void {
  const file = join(dirname(config), ".env");
  if (existsSync(file)) process.loadEnvFile(file);
}

/** NB: a program reads what is printed, also what went wrong. */
function tell(error: unknown, asJson: boolean): number {
  const isExpected = error instanceof SetupError || error instanceof CommandFailed;
  const message = error instanceof Error ? error.message : String(error);
  if (asJson) console.log(JSON.stringify({ error: message }, undefined, 2));
  else console.error(isExpected ? message : `Mayfly failed: ${message}\nLOG_LEVEL=debug shows where.`);
  if (process.env.LOG_LEVEL === "debug") console.error(error);
  return error instanceof SetupError ? SETUP : FAILED;
}
