import { request } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";

/** Thrown when a command could not be done. The message is for people; the command ends with exit code 1. */
export class CommandFailed extends Error {
  override name = "CommandFailed";
}

export type Ask = { method: "GET" | "POST"; path: string; body?: unknown };

/** A controller may be in the middle of a long pass, but no answer takes this long. */
const LIMIT_MS = 30_000;
const sentenceBody = z.object({ sentence: z.string() });

/** Asks the running controller. Throws `CommandFailed` when there is none, or when it refuses. */
export async function askController(socketPath: string, { method, path, body }: Ask): Promise<unknown> {
  const { status, answer } = await send(socketPath, { method, path, body });
  if (status === 200) return answer;
  const refusal = sentenceBody.safeParse(answer);
  throw new CommandFailed(refusal.success ? refusal.data.sentence : `The controller answered ${status}.`);
}

/** Asks for something to be done, and answers the sentence that says what was. */
export async function tellController(socketPath: string, ask: Ask): Promise<string> {
  return sentenceBody.parse(await askController(socketPath, ask)).sentence;
}

async function send(
  socketPath: string,
  { method, path, body }: Ask,
): Promise<{ status: number; answer: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: unknown }>();
  const call = request({ socketPath, method, path, signal: AbortSignal.timeout(LIMIT_MS) }, (response) => {
    text(response).then(
      (answer) => resolve({ status: response.statusCode ?? 0, answer: parsed(answer) }),
      (error: unknown) => reject(error),
    );
  });
  call.on("error", (error) => reject(noController(socketPath, error)));
  if (body !== undefined) call.setHeader("content-type", "application/json");
  call.end(body === undefined ? undefined : JSON.stringify(body));
  return await promise;
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}

function noController(socketPath: string, cause: Error): CommandFailed {
  const code = "code" in cause ? cause.code : undefined;
  if (code === "EACCES") {
    return new CommandFailed(
      `${socketPath} may be used by the user that runs Mayfly only. Run the command as that user (sudo -u …).`,
      { cause },
    );
  }
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    return new CommandFailed(
      `No controller is running: nobody answers at ${socketPath}. Start one with "mayfly start", or name its file with --config.`,
      { cause },
    );
  }
  return new CommandFailed(`The controller did not answer at ${socketPath} (${cause.message}).`, { cause });
}
