import { createHash } from "node:crypto";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { MacPlace } from "../../core/macs.ts";
import type { MachineName } from "../../core/types.ts";
import { type Command, CommandError, run } from "../exec.ts";
import { slots } from "../slots.ts";

/** What Mayfly's program on the Mac can be asked. See: macos/host/mayfly-tart. */
export type MacOrder = {
  verb: "list" | "start" | "forget" | "destroy" | "evidence" | "capacity" | "check";
  name?: MachineName | undefined;
  /** What it reads. Never in `argv`, here or there. */
  input?: string | undefined;
  limitMs: number;
};

export type Mac = {
  /** Answers what the program said. Throws `MacError` if it could not be asked, or refused. */
  ask: (order: MacOrder, signal: AbortSignal) => Promise<string>;
  /** Ends the connection when nobody uses it any more. */
  close: () => Promise<void>;
};

/** The Mac could not be reached, or its program refused. The text holds no secret. */
export class MacError extends Error {
  override name = "MacError";
  /** The program's own exit code. None: it could not be asked, or did not answer. */
  readonly exitCode: number | undefined;
  readonly said: string;

  constructor(text: string, facts: { exitCode?: number | undefined; said: string }, options?: ErrorOptions) {
    super(text, options);
    this.exitCode = facts.exitCode;
    this.said = facts.said;
  }
}

/** ssh's own exit code for all that is wrong with the connection. See: ssh(1), "EXIT STATUS". */
const NO_CONNECTION = 255;
/** Orders under way at a time. sshd takes ten over one connection. See: sshd_config(5), MaxSessions. */
const ORDERS = 8;
/** The connection is kept so long after the last order, also when this process was killed. */
const KEPT_SECONDS = 60;
const CLOSE_LIMIT_MS = 5000;

/** `folder`: where the connection's socket may be. */
export function macOver(place: MacPlace, folder: string): Mac {
  const places = slots(ORDERS);
  let socket: Promise<string> | undefined;

  const options = async (): Promise<string[]> => {
    socket ??= socketFor(place, folder);
    return optionsOf(place, await socket);
  };

  return {
    ask: async ({ verb, name, input, limitMs }, signal) => {
      const words = name === undefined ? verb : `${verb} ${name}`;
      const command: Command = ["ssh", ...(await options()), "--", place.host, words];
      const leave = await places.take(signal);
      try {
        return (await run(command, { signal, limitMs, input })).stdout;
      } catch (error) {
        throw error instanceof CommandError ? refusal(error, place, { words, limitMs }) : error;
      } finally {
        leave();
      }
    },
    close: async () => {
      if (!socket) return;
      // NB: not `exit`, which would end the orders of another process over the same connection, such as a controller beside `mayfly check`.
      const command: Command = ["ssh", ...(await options()), "-O", "stop", "--", place.host];
      const signal = AbortSignal.timeout(CLOSE_LIMIT_MS);
      // NB: there may be none to end.
      await run(command, { signal, limitMs: CLOSE_LIMIT_MS }).catch(() => undefined);
    },
  };
}

/** See: unix(7): a path has 107 characters at most. ssh adds 17 to it while it makes the socket. */
const LONGEST_SOCKET = 90;

/** WARN: only in a folder that nobody else can write to. Whoever makes the socket first is asked, and is given the seeds. */
async function socketFor(place: MacPlace, folder: string): Promise<string> {
  const name = createHash("sha256").update(JSON.stringify(place)).digest("hex").slice(0, 8);
  const path = join(folder, "ssh", name);
  if (path.length > LONGEST_SOCKET) return join(await mkdtemp(join(tmpdir(), "mayfly-")), name);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return path;
}

/** One key to sign in with, one to know the Mac by, and nothing of what the account's own configuration says. */
const optionsOf = (place: MacPlace, socket: string): string[] => [
  ...["-F", "none", "-T", "-p", String(place.port ?? 22), "-l", place.user, "-i", place.key],
  ...Object.entries({
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: place.knownHosts,
    GlobalKnownHostsFile: "none",
    UpdateHostKeys: "no",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    PreferredAuthentications: "publickey",
    ClearAllForwardings: "yes",
    ConnectTimeout: "10",
    ServerAliveInterval: "5",
    ServerAliveCountMax: "3",
    ControlMaster: "auto",
    ControlPath: socket,
    ControlPersist: String(KEPT_SECONDS),
    LogLevel: "ERROR",
  }).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
];

type Asked = { words: string; limitMs: number };

function refusal(error: CommandError, place: MacPlace, asked: Asked): MacError {
  const { exitCode, said } = error;
  const isAnswer = exitCode !== undefined && exitCode !== NO_CONNECTION;
  const text = isAnswer
    ? `The Mac ${place.host} refused "${asked.words}": ${said}`
    : noAnswer(error, place, asked);
  return new MacError(text, { exitCode: isAnswer ? exitCode : undefined, said }, { cause: error });
}

/** What ssh's own words mean, and what to do about it. */
function noAnswer(
  { said, isLate, message }: CommandError,
  place: MacPlace,
  { words, limitMs }: Asked,
): string {
  const { host, user, knownHosts } = place;
  if (isLate) return `The Mac ${host} did not answer "${words}" within ${limitMs / 1000} s.`;
  if (message.endsWith(": not found on this machine"))
    return "There is no ssh on Mayfly's machine. Install it: sudo apt-get install openssh-client";
  if (/host key .* has changed/i.test(said))
    return `The Mac ${host} has another key than ${knownHosts} says. If the Mac was installed anew, write its new key there; if not, somebody is between you and it.`;
  if (/host key verification failed/i.test(said))
    return `${knownHosts} does not say the key of the Mac ${host}. Write it there, as docs/macos.md says.`;
  if (/permission denied/i.test(said))
    return `The Mac ${host} does not let ${user} in with our key. Put its public half into authorized_keys there, as docs/macos.md says.`;
  const why = said.replace(/\s+/g, " ") || "the connection broke off";
  return `The Mac ${host} could not be reached: ${why}. Is it on, and is Remote Login allowed in its system settings?`;
}
