import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Ajv } from "ajv";
import { STDIN_FRAME } from "./shapes.ts";

/** How a command in a VM ends: with an exit code, with Orchard's own error, or by the connection's end in the middle. */
export type ExecParts = { exitCode: number | "error" | "broken"; says: string };

const isStdin = new Ajv().compile(STDIN_FRAME);

/**
 * The server's side of a WebSocket, over which a command in a VM is given its standard input and tells its output.
 * Answers what it was given, or what was wrong with it. See: RFC 6455.
 */
export async function answerExec(
  request: IncomingMessage,
  connection: Duplex,
  { exitCode, says }: ExecParts,
): Promise<string | { slips: string[] }> {
  connection.write(
    [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")}`,
      "\r\n",
    ].join("\r\n"),
  );
  if (exitCode === "broken") {
    connection.destroy();
    return "";
  }
  connection.write(Buffer.from([0x89, 2, 0x68, 0x69])); // a ping, which asks for a pong
  const read = await readInput(connection);
  if (read.slips.length > 0) return { slips: read.slips };
  const output = JSON.stringify({ type: "stdout", data: Buffer.from(says).toString("base64") });
  // NB: in two pieces, as a long message may come.
  connection.write(frame(0x01, output.slice(0, 9)));
  connection.write(frame(0x80, output.slice(9)));
  const end =
    exitCode === "error" ? { type: "error", error: "no SSH" } : { type: "exit", exit: { code: exitCode } };
  connection.write(frame(0x81, JSON.stringify(end)));
  return read.input;
}

/** A frame of a server, with a length of 16 bits whatever it is. */
function frame(first: number, text: string): Buffer {
  const head = Buffer.from([first, 126, 0, 0]);
  head.writeUInt16BE(Buffer.byteLength(text), 2);
  return Buffer.concat([head, Buffer.from(text)]);
}

type Message = { kind: number; isMasked: boolean; text: string };

/** Reads until the standard input was ended by an empty frame, and the ping was answered. */
async function readInput(connection: Duplex): Promise<{ input: string; slips: string[] }> {
  let input = "";
  let isEnded = false;
  let isAnswered = false;
  for await (const { kind, isMasked, text } of messagesOf(connection)) {
    if (!isMasked) return { input, slips: ["a client must mask what it sends"] };
    if (kind === 0xa) isAnswered = text === "hi";
    if (kind === 0x1) {
      const said: unknown = JSON.parse(text);
      if (!isStdin(said)) return { input, slips: ["that is no frame of standard input"] };
      const { data } = said as { data: string };
      isEnded = data === "";
      input += Buffer.from(data, "base64").toString("utf8");
    }
    if (isEnded && isAnswered) return { input, slips: [] };
  }
  return { input, slips: ["the client hung up"] };
}

async function* messagesOf(connection: Duplex): AsyncGenerator<Message> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of connection.iterator({ destroyOnReturn: false })) {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      const [first = 0, second = 0] = bytes;
      const short = second & 0x7f;
      const head = 4 + (short === 127 ? 10 : short === 126 ? 4 : 2);
      if (bytes.length < head) break;
      const size =
        short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
      if (bytes.length < head + size) break;
      const mask = bytes.subarray(head - 4, head);
      const plain = bytes.subarray(head, head + size).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      bytes = bytes.subarray(head + size);
      yield {
        kind: first & 0x0f,
        isMasked: (second & 0x80) !== 0,
        text: Buffer.from(plain).toString("utf8"),
      };
    }
  }
}
