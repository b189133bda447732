import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { mayfly } from "../cli-site.ts";
import { follow, soon, TOKEN } from "../support/relay.ts";
import { SECRET, signed } from "../support/webhook.ts";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const BODY = '{ "id": 1.0 }';

/** The command as a process, on a port that the system has chosen. */
async function start(env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, [CLI, "relay", "--listen", "127.0.0.1:0"], {
    env: { PATH: process.env.PATH, RELAY_TOKEN: TOKEN, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit");
  const lines: string[] = [];
  const running = Promise.withResolvers<string>();
  if (child.stdout) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      const entry = JSON.parse(line) as { msg: string; url: string };
      if (entry.msg === "the relay is running") running.resolve(entry.url);
    });
  }
  const origin = await running.promise;
  const post = async (path: string, headers = signed(BODY)) =>
    (await fetch(`${origin}${path}`, { method: "POST", body: BODY, headers })).status;
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return await exit;
  };
  return { url: `${origin}/${TOKEN}`, post, end, logged: () => lines.join("\n") };
}

describe("mayfly relay", () => {
  test("passes on what is posted to its token, word for word", async () => {
    const relay = await start();
    const follower = follow(relay.url);
    await soon(() => expect(follower.relay.health().isConnected).toBe(true));

    const answers = [await relay.post(`/${TOKEN}`), await relay.post("/another-token-of-nobody")];

    expect(answers).toEqual([200, 404]);
    await soon(() => expect(follower.payloads()).toEqual([BODY]));
  });

  test("refuses at the door what GitHub did not sign, if it knows the secret", async () => {
    const relay = await start({ RELAY_WEBHOOK_SECRET: SECRET });

    const wrong = await relay.post(
      `/${TOKEN}`,
      signed(BODY, "workflow_job", "a secret that is not GitHub's"),
    );
    const right = await relay.post(`/${TOKEN}`);

    expect([wrong, right]).toEqual([401, 503]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "ends in good order at %s, and lets its listeners go",
    async (signal) => {
      const relay = await start();
      const follower = follow(relay.url);
      await soon(() => expect(follower.relay.health().isConnected).toBe(true));

      const exit = await relay.end(signal);

      expect(exit).toEqual([0, null]);
      await soon(() => expect(follower.relay.health().isConnected).toBe(false));
      expect(relay.logged()).toContain("the relay is ending");
      expect(relay.logged()).not.toContain(TOKEN);
    },
  );

  test("--help says what it needs", async () => {
    const { code, stdout } = await mayfly(["relay", "--help"]);

    expect(code).toBe(0);
    expect(stdout).toContain("--listen <address:port>");
    expect(stdout).toContain("RELAY_TOKEN");
    expect(stdout).toContain("RELAY_WEBHOOK_SECRET");
  });

  test.each<[string, Record<string, string>, string[], string]>([
    ["without a token", {}, [], "RELAY_TOKEN is not set. Make one (openssl rand -hex 32)"],
    ["with a short token", { RELAY_TOKEN: "fifteen-letters" }, [], "RELAY_TOKEN cannot be used."],
    [
      "with a token that is no path",
      { RELAY_TOKEN: "a token / with more" },
      [],
      "RELAY_TOKEN cannot be used.",
    ],
    [
      "with a secret that can be guessed",
      { RELAY_TOKEN: TOKEN, RELAY_WEBHOOK_SECRET: "development" },
      [],
      "RELAY_WEBHOOK_SECRET: ",
    ],
    [
      "with no address",
      { RELAY_TOKEN: TOKEN },
      ["--listen", "8080"],
      "--listen must be an address and a port",
    ],
    ["with a port that is none", { RELAY_TOKEN: TOKEN }, ["--listen", "127.0.0.1:99999"], "--listen must be"],
    [
      "on an address that it cannot have",
      { RELAY_TOKEN: TOKEN },
      ["--listen", "192.0.2.1:8080"],
      "Cannot listen on 192.0.2.1",
    ],
  ])("does not start %s, and says what to do", async (_, env, args, text) => {
    const { code, stderr, stdout } = await mayfly(["relay", ...args], env);

    expect(code).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr + stdout).not.toContain(env.RELAY_TOKEN ?? TOKEN);
  });
});
