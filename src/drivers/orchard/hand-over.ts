import { basename, dirname } from "node:path/posix";
import type { Logger } from "pino";
import { z } from "zod";
import { withLimit } from "../../clock.ts";
import { SYSTEMS } from "../../core/systems.ts";
import type { Clock, StartOrder } from "../../ports.ts";
import { printable, redact } from "../exec.ts";
import { type Orchard, OrchardError } from "./api.ts";
import type { Socket } from "./socket.ts";

const { seedFile } = SYSTEMS.macos;
const [FOLDER, NAME] = [dirname(seedFile), basename(seedFile)];

/**
 * What is run in the VM: it takes the seed from its standard input, puts it where the guest looks for it, starts the guest if it is not
 * running any more, and ends with 0 when the guest has taken it away. See: guest/macos/seed.sh.
 * NB: the command is in addresses, and so in logs; the seed is not. A seed without its end of line has broken off. launchctl refuses to
 * start what runs, and a guest that gives up just then takes nothing; so what counts is whether the seed is gone.
 */
export const TAKE_SEED = `sudo -n /bin/sh -c '
umask 077
fail() { rm -f seed.new ${NAME}; echo "$1" >&2; exit 1; }
mkdir -p ${FOLDER} && cd ${FOLDER} || exit 1
IFS= read -r seed || fail "the seed has broken off"
printf "%s\\n" "$seed" >seed.new && mv seed.new ${NAME} || fail "the seed cannot be written"
launchctl kickstart system/dev.mayfly.guest
tries=0
while [ -e ${NAME} ]; do
  tries=$((tries + 1))
  [ $tries -le 50 ] || fail "the guest program does not take its seed"
  sleep 0.2
done
exit 0'`;

export type HandOverParts = { orchard: Orchard; clock: Clock; log: Logger };

/** So long Orchard is asked to wait for the VM at a time. */
const WAIT_SECONDS = 60;
const ONCE_LIMIT_MS = 90_000;
const AGAIN_MS = 3000;

/**
 * Hands a seed over to its VM when that has booted, over Orchard's connection to it. Resolves when that is done, when there is no such VM
 * any more, or when its time to boot is over. NB: it dies with this process; then nobody asks for work, and the machine is retired.
 */
export async function handOver(order: StartOrder, parts: HandOverParts, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts;
  const until = clock.now() + order.image.limits.bootMs;
  let said = "";
  while (clock.now() < until && !signal.aborted) {
    const end = await withLimit(
      clock,
      ONCE_LIMIT_MS,
      (limited) => handOnce(order, parts, limited),
      signal,
    ).catch((error: unknown) => {
      if (!(error instanceof Error)) throw error;
      return signal.aborted ? "gone" : error.message;
    });
    if (end === "done" || end === "gone") return;
    // NB: while it boots, this is what is to be expected.
    if (end !== said) log.debug({ machine: order.name, said: end }, "the seed could not be handed over yet");
    said = end;
    await clock.until(clock.now() + AGAIN_MS, signal);
  }
  if (!signal.aborted) log.warn({ machine: order.name, said }, "the seed could not be handed over");
}

/** Answers what went wrong, else that it is done, or that the VM is gone. */
async function handOnce(
  { name, seed }: StartOrder,
  { orchard }: HandOverParts,
  signal: AbortSignal,
): Promise<string> {
  const socket = await orchard.exec(name, TAKE_SEED, WAIT_SECONDS, signal).catch((error: unknown) => {
    if (error instanceof OrchardError && error.status === 503) return error.message;
    throw error;
  });
  if (socket === "none") return "gone";
  if (typeof socket === "string") return socket;
  const hangUp = () => socket.end();
  signal.addEventListener("abort", hangUp, { once: true });
  try {
    for (const text of [`${JSON.stringify(seed)}\n`, ""]) socket.send(stdinFrame(text));
    return redact(await endOf(socket), [seed.token]).slice(-SAID_MOST);
  } finally {
    signal.removeEventListener("abort", hangUp);
    socket.end();
  }
}

/** NB: an empty one ends the command's standard input. */
const stdinFrame = (text: string): string =>
  JSON.stringify({ type: "stdin", data: Buffer.from(text).toString("base64") });

const FRAME = z.discriminatedUnion("type", [
  z.object({ type: z.literal("exit"), exit: z.object({ code: z.int() }) }),
  z.object({ type: z.literal("error"), error: z.string() }),
  z.object({ type: z.enum(["stdout", "stderr"]), data: z.string() }),
]);

/** WARN: what the VM says is not ours. It is shown to operators only, and never in whole. */
async function endOf(socket: Socket): Promise<string> {
  let said = "";
  for await (const text of socket.texts()) {
    const frame = FRAME.parse(JSON.parse(text));
    if (frame.type === "error") return printable(frame.error);
    if (frame.type === "exit")
      return frame.exit.code === 0 ? "done" : `exit code ${frame.exit.code}: ${said.trim()}`;
    said = printable(said + Buffer.from(frame.data, "base64").toString("utf8")).slice(-KEPT_MOST);
  }
  return "the connection ended before the command did";
}

const SAID_MOST = 300;
/** NB: more than is told, so that a secret is whole, and is found, before it is cut. */
const KEPT_MOST = 4096;
