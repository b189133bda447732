import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { describeMainJob } from "./main-job.ts";
import { type BuiltBox, breakBox, buildBox } from "./rig/box/build-box.ts";

const MINUTE = 60_000;

let folder = "";
let boxes: { good: BuiltBox; broken: BuiltBox };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mayfly-boxes-"));
  const good = await buildBox("tiny", (text) => console.log(text));
  boxes = { good, broken: await breakBox(good, folder) };
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describeMainJob({
  driver: "vagrant",
  limitMs: 6 * MINUTE,
  boxes: async () => boxes,
  brokenImage: { limits: { boot: "40s" } },
});
