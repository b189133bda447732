import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { endingBoxes, expiryGuard } from "../../src/drivers/box-expiry.ts";
import { SetupError } from "../../src/ports.ts";
import { ago, anImage, hours, NOW } from "../support/build.ts";
import { fakeClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";

const days = (count: number): number => hours(24 * count);
const ENDED = "The box windows has ended, so no machine is made from it. Build it anew (docs/images.md).";

type Kind = { files?: string[]; isPacked?: boolean; text?: string };

/** A box whose files are in this order. Without a time it says nothing of its end. */
async function boxOf(expiresAt: number | undefined, kind: Kind = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-expiry-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const expiry = expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() };
  const text = kind.text ?? JSON.stringify({ edition: "ServerStandardEval", ...expiry });
  await writeFile(join(folder, "expiry.json"), text);
  await writeFile(join(folder, "box.img"), Buffer.alloc(2 ** 20));
  const { files = ["expiry.json", "box.img"], isPacked = true } = kind;
  const file = join(folder, "windows.box");
  await execa("tar", [
    "--create",
    ...(isPacked ? ["--gzip"] : []),
    "--directory",
    folder,
    "--file",
    file,
    ...files,
  ]);
  return file;
}

const wordsOf = async (file: string) =>
  endingBoxes([anImage({ name: "windows", box: { name: "windows", file } })], NOW);

describe("what the check says of a box", () => {
  test.each([
    ["packed", {}],
    ["not packed", { isPacked: false }],
    ["named with its folder", { files: ["./expiry.json", "./box.img"] }],
  ])("%s, that ends within two weeks", async (_, kind) => {
    expect(await wordsOf(await boxOf(NOW + days(5), kind))).toEqual([
      "The box of windows ends in 5 days. Build it anew (docs/images.md).",
    ]);
  });

  test("is nothing while it has more time", async () => {
    expect(await wordsOf(await boxOf(NOW + days(15)))).toEqual([]);
  });

  test("that has ended is that no machine is made from it", async () => {
    expect(await wordsOf(await boxOf(ago(1)))).toEqual([ENDED.replace("windows", "of windows")]);
  });

  test("is nothing if it never ends, or does not say so first, or is not there", async () => {
    const [never, late] = [
      await boxOf(undefined),
      await boxOf(ago(1), { files: ["box.img", "expiry.json"] }),
    ];

    expect(await Promise.all([never, late, "/no/such.box"].map(wordsOf))).toEqual([[], [], []]);
  });

  test.each(["{", "[]", '{"expiresAt":"soon"}'])(
    "that says in no words of ours when it ends is one sentence, and others are told of all the same: %s",
    async (text) => {
      const [odd, ended] = [await boxOf(undefined, { text }), await boxOf(ago(1))];
      const images = [odd, ended].map((file) => anImage({ name: "windows", box: { name: "windows", file } }));

      expect(await endingBoxes(images, NOW)).toEqual([
        `The box of windows does not say in its expiry.json until when it may be used, so no machine is made from it: ${odd}. Build it anew (docs/images.md).`,
        ENDED.replace("windows", "of windows"),
      ]);
    },
  );

  test("whose file is damaged is that it cannot be read", async () => {
    const file = await boxOf(ago(1));
    await writeFile(file, Buffer.from([0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));

    expect(await wordsOf(file)).toEqual([
      expect.stringMatching(/^The box of windows cannot be read: \/\S+ \(.+\)\. Mend that, or build it anew/),
    ]);
  });
});

describe("at a machine's start", () => {
  test("a box that has ended is refused", async () => {
    const guard = expiryGuard({ clock: fakeClock(NOW), log: keptLog().log });

    const started = guard({ name: "windows", file: await boxOf(ago(1)) }, "");

    await expect(started).rejects.toThrow(new SetupError(ENDED));
  });

  test("one that came by name is known when it is there", async () => {
    const guard = expiryGuard({ clock: fakeClock(NOW), log: keptLog().log });
    const folder = join(await boxOf(ago(1)), "..");

    await expect(guard({ name: "windows" }, folder)).rejects.toThrow(ENDED);
    await expect(guard({ name: "windows" }, "/no/such/folder")).resolves.toBeUndefined();
  });

  test("one that ends soon is warned of, once a day", async () => {
    const kept = keptLog();
    const clock = fakeClock(NOW);
    const guard = expiryGuard({ clock, log: kept.log });
    const box = { name: "windows", file: await boxOf(NOW + days(5)) };
    const warnings = () => kept.text().match(/The box windows ends in \d days/g) ?? [];

    await guard(box, "");
    await guard(box, "");
    const first = warnings().length;
    await clock.advance(days(1));
    await guard(box, "");

    expect([first, ...warnings()]).toEqual([
      1,
      "The box windows ends in 5 days",
      "The box windows ends in 4 days",
    ]);
  });
});
