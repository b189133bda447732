import { describeMainJob } from "./main-job.ts";
import { buildBox } from "./rig/box/build-box.ts";

const MINUTE = 60_000;

describeMainJob({
  driver: "vagrant",
  limitMs: 6 * MINUTE,
  boxes: async () => {
    const box = await buildBox("tiny", (text) => console.log(text));
    return { good: box, broken: box };
  },
  // Too little memory for the kernel to unpack its own initial system: it boots, and dies on its console.
  brokenImage: { memory: "64 MiB", limits: { boot: "40s" } },
});
