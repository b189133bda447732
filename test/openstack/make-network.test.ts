import { expect, test } from "vitest";
import { openBench } from "./bench.ts";

test.each([
  ["--deny", "130.246/16"],
  ["--deny", "130.246.1.0/16"],
  ["--dns", "dns.example.org"],
  ["--controller", "10.5.6.7"],
])("%s %s is refused before the cloud is asked for anything", async (option, value) => {
  const bench = await openBench();

  const { exitCode, stderr } = await bench.run("network/make-network.sh", [
    ...["--external", "External"],
    ...[option, value],
  ]);

  expect(exitCode).toBe(1);
  expect(stderr).toContain(`${option} `);
  expect(await bench.calls()).toEqual([]);
});
