import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { appFileIn, keepApp, readAppFile, tryAppFile } from "../../src/config/app-file.ts";
import { isAppGiven, readSecrets } from "../../src/config/secrets.ts";
import { readConfig } from "../../src/config.ts";
import { SetupError } from "../../src/ports.ts";
import { catalogueFile, ENV, GOOD, PEM } from "./file.ts";

const APP = {
  appId: 42,
  slug: "mayfly-of-octo",
  pageUrl: "https://github.com/apps/mayfly-of-octo",
  clientId: "Iv23abc",
  clientSecret: "client hunter2",
  webhookSecret: "webhook hunter2 hunter2",
  privateKey: String(PEM),
};

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-app-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return appFileIn(join(folder, "data"));
}

async function keptFile(app: Partial<typeof APP> & { relayUrl?: string } = {}): Promise<string> {
  const file = newFile();
  await keepApp(file, { ...APP, ...app });
  return file;
}

const faultsWith = (env: Record<string, string>, file: string, intake: "webhook" | "poll" = "webhook") =>
  readSecrets(env, intake, file).faults;

describe("the file of the App", () => {
  test("is written whole, for our own user only, and read back", async () => {
    const file = await keptFile({ relayUrl: "https://smee.io/abc" });

    expect(readAppFile(file)).toEqual({ ...APP, relayUrl: "https://smee.io/abc" });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(file))).toEqual(["github-app.json"]);
  });

  test("takes the place of another one at once, also where a part of one was left", async () => {
    const file = await keptFile();
    writeFileSync(`${file}.new`, "half");
    chmodSync(`${file}.new`, 0o644);

    await keepApp(file, { ...APP, appId: 43 });

    expect(readAppFile(file)?.appId).toBe(43);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("leaves no copy of the key where it could not be put in its place", async () => {
    const file = newFile();
    mkdirSync(join(file, "in-the-way"), { recursive: true });

    await expect(keepApp(file, APP)).rejects.toThrow(`${file} cannot be written`);

    expect(readdirSync(dirname(file))).toEqual(["github-app.json"]);
  });

  test("can be tried without leaving anything", async () => {
    const file = newFile();

    await tryAppFile(file);

    expect(readdirSync(dirname(file))).toEqual([]);
  });

  test("says in a sentence that it cannot be written, and leaves the old one as it was", async () => {
    const file = await keptFile();
    const inside = appFileIn(file);

    await expect(keepApp(inside, APP)).rejects.toThrow(SetupError);
    await expect(tryAppFile(inside)).rejects.toThrow(`${inside} cannot be written`);
    expect(readAppFile(file)).toEqual(APP);
  });

  test.each([0o644, 0o640, 0o620, 0o606])(
    "is not read with the mode %o, and the cure is told",
    async (mode) => {
      const file = await keptFile();
      chmodSync(file, mode);

      expect(() => readAppFile(file)).toThrow(`chmod 600 ${file}`);
    },
  );

  test.each(["", "{}", "hunter2", JSON.stringify({ ...APP, appId: "hunter2" })])(
    "is refused, and not quoted, if it holds %j",
    async (text) => {
      const file = await keptFile();
      writeFileSync(file, text);

      expect(faultsWith({}, file)).toEqual([expect.stringContaining("is not what mayfly setup wrote")]);
      expect(faultsWith({}, file).join()).not.toContain("hunter2");
    },
  );

  test("counts as none where there is none", () => {
    const file = newFile();

    expect(readAppFile(file)).toBeUndefined();
    expect(isAppGiven({}, file)).toBe(false);
    expect(existsSync(dirname(file))).toBe(false);
  });
});

describe("the credentials", () => {
  test("come from the file if the environment says nothing of the App", async () => {
    const { secrets, faults } = readSecrets({ LOG_LEVEL: "debug" }, "webhook", await keptFile());

    expect(faults).toEqual([]);
    expect(secrets).toEqual({
      appId: 42,
      privateKey: APP.privateKey,
      webhookSecrets: [APP.webhookSecret],
      signIn: { clientId: APP.clientId, clientSecret: APP.clientSecret },
    });
  });

  test("come from the environment if that has them all, whatever is in the file", async () => {
    const { secrets, faults } = readSecrets({ ...ENV, APP_ID: "7" }, "webhook", await keptFile());

    expect(faults).toEqual([]);
    expect(secrets).toMatchObject({ appId: 7, webhookSecrets: [ENV.WEBHOOK_SECRET], signIn: undefined });
  });

  test.each([
    [{ WEBHOOK_SECRET: ENV.WEBHOOK_SECRET }, "WEBHOOK_SECRET is set"],
    [{ APP_ID: "7", CLIENT_ID: "Iv23abc" }, "APP_ID, CLIENT_ID are set"],
    [{ PRIVATE_KEY_PATH: "/no/such.pem" }, "PRIVATE_KEY_PATH is set"],
  ])("are never mixed: %j", async (env, beginning) => {
    const file = await keptFile();

    expect(faultsWith(env, file)).toEqual([
      expect.stringMatching(`^${beginning}, and there is an App in ${file}, too\\. Take one of them`),
    ]);
  });

  test("may be joined by the old webhook secret while that is changed", async () => {
    const old = "the old one, hunter2";

    const { secrets } = readSecrets({ WEBHOOK_SECRET_OLD: old }, "webhook", await keptFile());

    expect(secrets.webhookSecrets).toEqual([APP.webhookSecret, old]);
  });

  test("need a webhook secret only where webhooks come in", async () => {
    const file = newFile();
    const { webhookSecret: _, ...app } = APP;
    await keepApp(file, app);

    expect(faultsWith({}, file, "poll")).toEqual([]);
    expect(faultsWith({}, file)).toEqual([expect.stringContaining("was made without a webhook")]);
  });
});

describe("a configuration", () => {
  test("has the App and the relay of the file in the data folder", async () => {
    const config = catalogueFile(`data: data\n${GOOD}`);
    await keepApp(appFileIn(join(dirname(config), "data")), { ...APP, relayUrl: "https://smee.io/abc" });

    const { github, relayUrl, relayHost } = readConfig({ file: config, env: {} });

    expect(github).toMatchObject({ appId: 42, webhookSecrets: [APP.webhookSecret] });
    expect([relayUrl, relayHost]).toEqual(["https://smee.io/abc", "smee.io"]);
  });

  test("has the relay of the environment rather than that of the file", async () => {
    const config = catalogueFile(`data: data\n${GOOD}`);
    await keepApp(appFileIn(join(dirname(config), "data")), { ...APP, relayUrl: "https://smee.io/abc" });

    const { relayUrl } = readConfig({ file: config, env: { RELAY_URL: "https://relay.lab.example/xyz" } });

    expect(relayUrl).toBe("https://relay.lab.example/xyz");
  });

  test("is whole, whoever tries the file or writes it at the same moment", async () => {
    const file = newFile();

    const all = [
      keepApp(file, APP),
      tryAppFile(file),
      keepApp(file, APP),
      tryAppFile(file),
      tryAppFile(file),
    ];
    await Promise.all(all);

    expect(readAppFile(file)).toEqual(APP);
    expect(readdirSync(dirname(file))).toEqual(["github-app.json"]);
  });

  test("tells what is wrong with the file, once", async () => {
    const config = catalogueFile(`data: data\n${GOOD}`);
    const file = appFileIn(join(dirname(config), "data"));
    await keepApp(file, APP);
    chmodSync(file, 0o644);

    expect(() => readConfig({ file: config, env: {} })).toThrow(
      new RegExp(`^environment: ${file} holds the App's private key, and others`),
    );
    expect(readFileSync(file, "utf8")).toContain("Iv23abc");
  });
});
