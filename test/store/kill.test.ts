import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import type { StoreOptions } from "../../src/store/sqlite.ts";
import { storeFolder } from "./folder.ts";

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));

describe("a controller that is killed while it writes", () => {
  test("has everything that it was told is durable, time after time", async () => {
    const { options, open } = storeFolder();
    const told: string[] = [];
    for (const [time, lines] of [30, 200, 77].entries()) {
      const writer = startWriter(options, 1 + time * 100_000);
      told.push(...(await firstLines(writer, lines)));
      await kill(writer);
    }

    const store = await open();

    const kept = new Set((await store.unread()).map(({ id }) => id));
    const lost = told.filter((line) => {
      const [kind, number] = line.split(" ");
      if (kind === "webhook") return !kept.has(`id-${number}`);
      return !store.state.jobs.has(Number(number)) || !store.state.machines.has(`mayfly-lab-plain-${number}`);
    });
    expect(told).toHaveLength(30 + 200 + 77);
    expect(lost).toEqual([]);
  });

  test("leaves each job with the whole of its history, or none of it", async () => {
    const { options, open } = storeFolder();
    const writer = startWriter(options, 1);
    await firstLines(writer, 50);
    await kill(writer);

    const store = await open();

    for (const id of store.state.jobs.keys()) {
      expect((await store.history({ job: id })).map(({ kind }) => kind)).toEqual([
        "job-seen",
        "machine-created",
      ]);
    }
  });
});

describe("a second controller", () => {
  test("is kept away from a data folder in use, and let in as soon as the first is killed", async () => {
    const { options, open } = storeFolder();
    const writer = startWriter(options, 1);
    await firstLines(writer, 1);

    await expect(open({ controller: `${options.controller}b` })).rejects.toThrow(
      `Another Mayfly holds ${options.file}.lock. Stop that one first`,
    );
    await kill(writer);
    const store = await open();

    expect(store.state.jobs.size).toBeGreaterThan(0);
  });

  test("is kept away from a name in use, whatever its data folder", async () => {
    const { options, open } = storeFolder();
    const writer = startWriter(options, 1);
    await firstLines(writer, 1);

    await expect(open({ file: `${options.file}-other` })).rejects.toThrow(
      `A controller named ${options.controller} runs on this machine already.`,
    );
    await kill(writer);
    const store = await open({ file: `${options.file}-other` });

    expect(store.state.jobs.size).toBe(0);
  });

  test("may not take over a store that has machines of another name", async () => {
    const { options, open } = storeFolder();
    const writer = startWriter(options, 1);
    await firstLines(writer, 20);
    await kill(writer);

    await expect(open({ controller: "other" })).rejects.toThrow(
      new RegExp(
        `holds \\d+ machines of the controller ${options.controller}, and the catalogue names it other`,
      ),
    );
  });
});

function startWriter({ file, controller }: StoreOptions, first: number): ChildProcess {
  const child = spawn(process.execPath, [WRITER, file, controller, String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** What it says after `open`. */
async function firstLines({ stdout }: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  if (stdout === null) return lines;
  for await (const line of createInterface({ input: stdout })) {
    if (line !== "open") lines.push(line);
    if (lines.length === count) break;
  }
  return lines;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
