import { describe, expect, test } from "vitest";
import { type LogOptions, newLog } from "../src/log.ts";

describe("the log", () => {
  test("is one JSON object a line, with the level in words", () => {
    const { log, lines } = capture();

    log.child({ driver: "vagrant" }).info({ machine: "m1", tookMs: 5 }, "machine retired");

    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: "info",
        time: expect.any(String),
        driver: "vagrant",
        machine: "m1",
        tookMs: 5,
        msg: "machine retired",
      },
    ]);
  });

  test("is silent below its level", () => {
    const { log, lines } = capture({ level: "warn" });

    log.info("a pass");

    expect(lines).toEqual([]);
  });

  test.each([
    ["in a field of that name", { token: "hush" }],
    [
      "in a field of that name further down",
      { answer: { jit: "hush" }, request: { headers: { authorization: "hush" } } },
    ],
    ["in a header", { headers: { "set-cookie": "hush", "x-hub-signature-256": "hush" } }],
    ["that it was told, in any text", { text: "it is hush, they say" }],
    ["that has line breaks", { text: "a\nhush\nb" }],
    ["in an error", { err: new Error("POST failed with hush") }],
    ["in the cause of an error", { err: new Error("failed", { cause: new Error("hush") }) }],
    [
      "in a field of an error, such as a request",
      { err: Object.assign(new Error("failed"), { request: "other-hush" }) },
    ],
  ])("hides a secret %s", (_, fields) => {
    const { log, lines } = capture({ secrets: ["hush", "a\nhush\nb"] });

    log.error(fields, "odd");

    expect(lines).toHaveLength(1);
    expect(lines.join()).not.toContain("hush");
  });

  test.each([
    ["an installation token", "ghs_16C7e42F292c6912E7710c838347Ae178B4a"],
    ["a token of a person", `github_pat_${"1".repeat(22)}_x`],
    [
      "a just-in-time configuration",
      Buffer.from(JSON.stringify({ ".runner": "x".repeat(60) })).toString("base64"),
    ],
    ["a web token", `eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjQyfQ${"x".repeat(20)}.${"y".repeat(80)}`],
    ["a key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"],
  ])("knows %s by its looks", (_, secret) => {
    const { log, lines } = capture();

    log.warn({ text: `here: ${secret}.` }, "odd");

    expect(JSON.parse(lines.join()).text).toBe("here: [hidden].");
  });

  test("keeps the cause and the code of an error, and nothing else of it", () => {
    const { log, lines } = capture();
    const cause = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });

    log.warn(
      { err: Object.assign(new Error("no answer", { cause }), { status: 502, event: { payload: 1 } }) },
      "odd",
    );

    const { err } = JSON.parse(lines.join());
    expect(err).toMatchObject({ message: "no answer", status: 502, cause: { code: "ECONNREFUSED" } });
    expect(err.event).toBeUndefined();
  });

  test("does not go round for ever in errors that cause each other", () => {
    const { log, lines } = capture();
    const error = new Error("round");
    error.cause = error;

    log.warn({ err: error }, "odd");

    expect(lines).toHaveLength(1);
  });
});

describe("the log on a terminal", () => {
  test("is a line to read, with the stack of an error below it", () => {
    const { log, lines } = capture({ isTTY: true });

    log.info({ machine: "m1", tookMs: 5 }, "machine retired");
    log.error({ err: new Error("no room") }, "step failed");

    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}machine retired {2}machine=m1 {2}tookMs=5\n$/);
    expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d error step failed\n {4}Error: no room\n {8}at /);
  });

  test("does not obey a name from outside", () => {
    const { log, lines } = capture({ isTTY: true });

    log.info({ job: "\u001b[2Jtest\n12:00:00 info all is well" }, "job seen");
    log.info({ err: new Error("\u001b[2J") }, "odd");

    expect(lines.join("")).not.toContain("\u001b");
    expect(lines[0]?.split("\n")).toHaveLength(2);
  });
});

function capture(options: Partial<LogOptions> & { isTTY?: boolean } = {}) {
  const lines: string[] = [];
  const to = { isTTY: options.isTTY, write: (line: string) => lines.push(line) };
  return { log: newLog({ level: "debug", ...options, to }), lines };
}
