import { appendFile } from "node:fs/promises";
import { execa } from "execa";

export type Command = readonly [program: string, ...args: string[]];

export type RunOptions = {
  /** The command is ended (SIGTERM, 5 s later SIGKILL) when the signal is aborted or the time is up. */
  signal: AbortSignal;
  limitMs: number;
  /** Added to our own environment. */
  env?: Readonly<Record<string, string>> | undefined;
  /** File that the command and what it said are appended to. */
  log?: string | undefined;
  /** What the command reads. None: nothing. */
  input?: string | undefined;
};

/** A command that could not be run, failed or was ended. It keeps the last lines of what the command said. */
export class CommandError extends Error {
  override name = "CommandError";
  readonly command: Command;
  /** None: it could not be started, or a signal ended it. */
  readonly exitCode: number | undefined;
  readonly tookMs: number;
  /** It was ended since its time was up. */
  readonly isLate: boolean;
  /** The last lines it wrote to either stream. */
  readonly said: string;

  constructor(
    command: Command,
    how: string,
    facts: { exitCode?: number | undefined; tookMs: number; isLate: boolean; said: string },
  ) {
    const { said } = facts;
    super(`${command.join(" ")}: ${how}${said === "" ? "" : `: ${said}`}`);
    this.command = command;
    this.exitCode = facts.exitCode;
    this.tookMs = facts.tookMs;
    this.isLate = facts.isLate;
    this.said = said;
  }
}

const SAID_LINES = 12;
/** A command that says more than this (bytes) is ended. */
const OUTPUT_LIMIT = 4 * 1024 * 1024;

/**
 * Runs a command without a shell and answers what it wrote to both streams. Throws `CommandError` if it does not end with 0.
 * WARN: secrets are never arguments; every user of the machine can read them.
 */
export async function run(command: Command, options: RunOptions): Promise<Output> {
  const [program, ...args] = command;
  const result = await execa(program, args, {
    reject: false,
    ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
    all: true,
    maxBuffer: OUTPUT_LIMIT,
    cancelSignal: options.signal,
    timeout: options.limitMs,
    extendEnv: false,
    env: cleanEnv(options.env),
  });
  if (options.log !== undefined)
    await appendFile(options.log, `$ ${command.join(" ")}\n${result.all}\n`, { mode: 0o600 });
  if (!result.failed) return { stdout: result.stdout, stderr: result.stderr };
  throw new CommandError(command, howItEnded(result, options), {
    exitCode: result.exitCode,
    tookMs: Math.round(result.durationMs),
    isLate: result.timedOut,
    said: lastLines(result.all, SAID_LINES),
  });
}

/** NB: not our whole environment. It holds GitHub's secrets, and a box's own Vagrantfile is a program that runs here. */
export function cleanEnv(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = KEPT_ENV.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), LC_ALL: "C.UTF-8", ...more };
}

const KEPT_ENV = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "XDG_RUNTIME_DIR",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
];

export type Output = { stdout: string; stderr: string };

type Ending = {
  exitCode?: number | undefined;
  signal?: string | undefined;
  code?: string | undefined;
  timedOut: boolean;
  isCanceled: boolean;
  isMaxBuffer: boolean;
};

function howItEnded(ending: Ending, options: RunOptions): string {
  if (ending.code === "ENOENT") return "not found on this machine";
  if (ending.timedOut) return `no end after ${options.limitMs / 1000} s`;
  if (ending.isCanceled) return "it was called off";
  if (ending.isMaxBuffer) return "it said too much";
  if (ending.exitCode !== undefined) return `exit code ${ending.exitCode}`;
  return ending.signal === undefined ? "it could not be started" : `ended by ${ending.signal}`;
}

/** The last lines that say anything, without terminal control characters. */
export function lastLines(text: string, count: number): string {
  const lines = printable(text)
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.slice(-count).join("\n");
}

/** Takes out terminal control sequences and control characters other than tab and newline. Guests and Vagrant print both. */
export function printable(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
      .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, "")
      .replace(/\r\n?/g, "\n")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "")
  );
}

/** Puts stars in the place of each secret. */
export function redact(text: string, secrets: Iterable<string>): string {
  let safe = text;
  for (const secret of secrets) if (secret !== "") safe = safe.replaceAll(secret, "***");
  return safe;
}
