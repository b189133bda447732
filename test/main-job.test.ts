import { describeMainJob } from "./main-job.ts";

describeMainJob({
  driver: "fake",
  limitMs: 60_000,
  brokenImage: { box: { name: "fake?hang" }, limits: { boot: "2s" } },
});
