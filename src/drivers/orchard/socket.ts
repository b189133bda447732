import { createHash, randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";

/**
 * A WebSocket for texts, as far as Orchard's needs it. NB: Node's own takes neither a header nor a certificate.
 * See: RFC 6455.
 */
export type Socket = {
  send: (text: string) => void;
  /** The texts that come in, until the other side closes. Throws if the connection breaks off before. */
  texts: () => AsyncGenerator<string>;
  end: () => void;
};

/** What asks for a WebSocket, and what the answer to it must be. */
export function handshake(): { headers: Record<string, string>; accept: string } {
  const key = randomBytes(16).toString("base64");
  return {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": key,
    },
    accept: acceptOf(key),
  };
}

/** See: RFC 6455, 1.3. */
export const acceptOf = (key: string): string =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");

const CONTINUED = 0x0;
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
/** A longer message is none of Orchard's. */
const LONGEST = 1024 * 1024;

export function socketOver(connection: Duplex): Socket {
  // NB: it is heard of where the texts are read.
  connection.on("error", () => undefined);

  async function* texts(): AsyncGenerator<string> {
    let left = Buffer.alloc(0);
    let parts: Buffer[] = [];
    for await (const chunk of connection) {
      left = Buffer.concat([left, chunk]);
      for (let frame = firstFrame(left); frame; frame = firstFrame(left)) {
        left = left.subarray(frame.length);
        if (frame.kind === CLOSE) return;
        if (frame.kind === PING) connection.write(frameOf(PONG, frame.payload));
        if (frame.kind !== TEXT && frame.kind !== CONTINUED) continue;
        parts.push(frame.payload);
        if (!frame.isLast) continue;
        yield Buffer.concat(parts).toString("utf8");
        parts = [];
      }
    }
    throw new Error("the connection broke off");
  }

  return {
    send: (text) => void connection.write(frameOf(TEXT, Buffer.from(text))),
    texts,
    end: () => {
      connection.end(frameOf(CLOSE, Buffer.from([0x03, 0xe8])));
    },
  };
}

type Frame = { kind: number; isLast: boolean; payload: Buffer; length: number };

/** The first whole frame. See: RFC 6455, 5.2. NB: a server never masks. */
function firstFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)];
  const short = second & 0x7f;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return undefined;
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (size > LONGEST) throw new Error("a message is too long");
  if (bytes.length < head + size) return undefined;
  const payload = bytes.subarray(head, head + size);
  return { kind: first & 0x0f, isLast: (first & 0x80) !== 0, payload, length: head + size };
}

/** A whole message as a client sends it, masked. */
function frameOf(kind: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x80 | kind]), lengthOf(payload.length), mask, masked]);
}

function lengthOf(size: number): Buffer {
  if (size < 126) return Buffer.from([0x80 | size]);
  const wide = Buffer.alloc(size < 65_536 ? 3 : 9);
  wide.writeUInt8(0x80 | (size < 65_536 ? 126 : 127));
  if (size < 65_536) wide.writeUInt16BE(size, 1);
  else wide.writeBigUInt64BE(BigInt(size), 1);
  return wide;
}
