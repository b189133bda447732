import { randomBytes } from "node:crypto";

export type RecentLimits = { messages: number; bytes: number };

/** The last messages, for listeners whose line was cut. */
export type Recent = {
  /** Keeps a message, and answers how it goes over the line. `data`: one line of text. */
  add(data: string): Buffer;
  /** What came after the message with this id; everything, if the id is none of ours. */
  after(id: string): Buffer[];
};

/** Keeps as many messages as both limits allow; the oldest go first. */
export function recentMessages(limits: RecentLimits): Recent {
  // NB: after a restart of the relay a listener still holds an id of the run before, and has seen nothing of this one.
  const run = randomBytes(6).toString("hex");
  const kept: { number: number; frame: Buffer }[] = [];
  let count = 0;
  let bytes = 0;
  return {
    add(data) {
      count += 1;
      const frame = Buffer.from(`id: ${run}-${count}\ndata: ${data}\n\n`);
      kept.push({ number: count, frame });
      bytes += frame.length;
      while (kept.length > limits.messages || bytes > limits.bytes) bytes -= kept.shift()?.frame.length ?? 0;
      return frame;
    },
    after(id) {
      const seen = id.startsWith(`${run}-`) ? Number(id.slice(run.length + 1)) : 0;
      return kept.filter(({ number }) => number > seen).map(({ frame }) => frame);
    },
  };
}
