import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { appFileIn, keepApp } from "../src/config/app-file.ts";
import { mayfly, site } from "./cli-site.ts";
import { ENV, PEM } from "./config/file.ts";

/** The set-up wizard, as commands. What its pages do is in web/setup.test.ts and web/setup.browser.ts. */

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+\/setup\?token=[\w-]{43}/;

const KEPT = {
  ...{ appId: 42, slug: "mayfly-of-octo", pageUrl: "http://127.0.0.1:1/apps/mayfly-of-octo" },
  ...{
    clientId: "Iv23abc",
    clientSecret: "hunter2",
    webhookSecret: "0123456789abcdef",
    privateKey: String(PEM),
  },
};

/** Runs a command, and answers when it has said by which address one comes in. */
async function begin(command: string, config: string) {
  const child = spawn(process.execPath, [CLI, command, "--config", config], {
    env: { PATH: process.env.PATH },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = new Promise<number>((done) => void child.once("exit", (code) => done(code ?? -1)));
  const lines: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    const [address] = ADDRESS.exec(line) ?? [];
    if (address !== undefined) resolve(address);
  });
  void ended.then((code) => reject(new Error(`it ended with ${code}: ${lines.join("\n")}`)));
  return {
    address: await promise,
    ended,
    said: () => lines.join("\n"),
    tell: (signal: NodeJS.Signals) => void child.kill(signal),
  };
}

/** Comes in by the address; answers how to go on from there. */
async function comeIn(address: string) {
  const { origin } = new URL(address);
  const entered = await fetch(address, { redirect: "manual" });
  const cookie = entered.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  return (path: string, init: RequestInit = {}) =>
    fetch(`${origin}${path}`, { redirect: "manual", ...init, headers: { cookie, origin } });
}

describe("mayfly setup", () => {
  test("says by which address one comes in, and ends with 0 when the person is done", async () => {
    const { config, data } = site();
    await keepApp(appFileIn(data), KEPT);
    const { address, ended, said } = await begin("setup", config);
    const go = await comeIn(address);

    const page = await (await go("/setup/job")).text();
    await go("/setup/done", { method: "POST" });

    expect(page).toContain("runs-on: [self-hosted, linux, x64, spinw-linux]");
    expect(await ended).toBe(0);
    expect(said()).toContain("Open this address in a browser. It is good once; keep it to yourself.");
    expect(said()).toContain("Now start Mayfly: mayfly start");
  });

  test("takes up a set-up that was broken off, by another address", async () => {
    const { config } = site();
    const first = await begin("setup", config);
    await comeIn(first.address);
    first.tell("SIGKILL");
    await first.ended;

    const second = await begin("setup", config);

    expect(second.address.split("=")[1]).not.toBe(first.address.split("=")[1]);
    expect(await (await (await comeIn(second.address))("/setup/where")).text()).toContain(
      "Make the GitHub App",
    );
  });

  test("is not for who has an App in the environment", async () => {
    const { config } = site();

    const { code, stderr } = await mayfly(["setup", "--config", config], ENV);

    expect(code).toBe(2);
    expect(stderr).toContain("APP_ID, PRIVATE_KEY, WEBHOOK_SECRET are set, so the environment has an App.");
  });

  test("says that its address is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await new Promise((done) => other.once("listening", done));
    const { config } = site();
    const port = String((other.address() as { port: number }).port);
    writeFileSync(
      config,
      readFileSync(config, "utf8").replace(
        "web: { listen: 127.0.0.1:0 }",
        `web: { listen: 127.0.0.1:${port} }`,
      ),
    );

    const { code, stderr } = await mayfly(["setup", "--config", config]);

    expect(code).toBe(2);
    expect(stderr).toContain(`Cannot listen on 127.0.0.1 port ${port}`);
  });
});

describe("mayfly start without an App", () => {
  test("logs by which address one makes it, and ends when it is told to", async () => {
    const { config } = site();
    const { address, said, tell, ended } = await begin("start", config);

    const shut = await fetch(new URL("/", address));
    tell("SIGTERM");

    expect(shut.status).toBe(403);
    expect(await ended).toBe(0);
    expect(said()).toContain("there is no GitHub App yet: open this address in a browser to make one");
  });

  test("refuses a file of the App that others may read, and says how to mend it", async () => {
    const { config, data } = site();
    mkdirSync(data);
    const file = join(data, "github-app.json");
    writeFileSync(file, "{}");
    chmodSync(file, 0o644);

    const { code, stderr } = await mayfly(["start", "--config", config]);

    expect(code).toBe(2);
    expect(stderr).toContain(`chmod 600 ${file}`);
  });
});

describe("with the App of a set-up", () => {
  test("mayfly check finds nothing missing in the environment", async () => {
    const { config, data } = site();
    await keepApp(appFileIn(data), KEPT);

    const { code, stdout } = await mayfly(["check", "--config", config]);

    expect(stdout).toContain("Environment: all is well");
    expect(code).toBe(0);
  });

  test("mayfly doctor asks GitHub with it", async () => {
    const { config, data } = site();
    await keepApp(appFileIn(data), KEPT);

    const { stdout } = await mayfly(["doctor", "--config", config]);

    expect(stdout).toContain("Environment: all is well");
    expect(stdout).toContain("GitHub cannot be asked at http://127.0.0.1:1");
  });

  test("and a part of another one in the environment, both say so", async () => {
    const { config, data } = site();
    await keepApp(appFileIn(data), KEPT);

    const checked = await mayfly(["check", "--config", config], { APP_ID: "7" });
    const examined = await mayfly(["doctor", "--config", config], { APP_ID: "7" });

    for (const { stdout } of [checked, examined])
      expect(stdout).toContain("APP_ID is set, and there is an App in");
  });
});
