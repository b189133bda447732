import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readSecrets } from "../../src/config/secrets.ts";
import { catalogueFile, ENV } from "./file.ts";

const WITHOUT_KEY = { APP_ID: ENV.APP_ID, WEBHOOK_SECRET: ENV.WEBHOOK_SECRET };

describe("the private key", () => {
  test.each([
    ["as it is", ENV.PRIVATE_KEY],
    ["in one line", ENV.PRIVATE_KEY.replaceAll("\n", "\\n")],
    ["as base64", Buffer.from(ENV.PRIVATE_KEY).toString("base64")],
  ])("may stand in the environment %s", (_, key) => {
    const { secrets, faults } = readSecrets({ ...WITHOUT_KEY, PRIVATE_KEY: key }, "webhook");

    expect(faults).toEqual([]);
    expect(secrets.privateKey).toBe(ENV.PRIVATE_KEY);
  });

  test("may stand in a file", () => {
    const file = catalogueFile(ENV.PRIVATE_KEY);

    expect(readSecrets({ ...WITHOUT_KEY, PRIVATE_KEY_PATH: file }, "webhook")).toMatchObject({
      faults: [],
      secrets: { privateKey: ENV.PRIVATE_KEY },
    });
  });

  test("is an RSA key", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = String(privateKey.export({ type: "pkcs8", format: "pem" }));

    expect(readSecrets({ ...WITHOUT_KEY, PRIVATE_KEY: key }, "webhook").faults).toEqual([
      "PRIVATE_KEY holds a key that is not an RSA key. Take the .pem file that GitHub gave out.",
    ]);
  });
});

test.each([
  ["nothing is set", {}, ["There is no GitHub App yet"]],
  [
    "only one thing is set",
    { CLIENT_ID: "Iv23abc", CLIENT_SECRET: "x" },
    ["APP_ID is not set.", "PRIVATE_KEY_PATH is not set.", "WEBHOOK_SECRET is not set."],
  ],
  ["the client id is taken for the App's id", { ...ENV, APP_ID: "Iv1.abc" }, ["APP_ID is not a number."]],
  [
    "the key is none",
    { ...ENV, PRIVATE_KEY: "hunter2hunter2" },
    ["PRIVATE_KEY holds no private key that can be read."],
  ],
  [
    "the key's file is not there",
    { ...WITHOUT_KEY, PRIVATE_KEY_PATH: "/no/such.pem" },
    ["The file that PRIVATE_KEY_PATH names cannot be read"],
  ],
  [
    "there are two keys",
    { ...ENV, PRIVATE_KEY_PATH: "x.pem" },
    ["PRIVATE_KEY and PRIVATE_KEY_PATH are both set."],
  ],
  [
    "the webhook secret is Probot's own",
    { ...ENV, WEBHOOK_SECRET: "development" },
    ['WEBHOOK_SECRET: The webhook secret is "development"'],
  ],
  [
    "the webhook secret can be guessed",
    { ...ENV, WEBHOOK_SECRET: "short" },
    ["WEBHOOK_SECRET: A webhook secret is shorter than 16"],
  ],
  [
    "the old webhook secret can be guessed",
    { ...ENV, WEBHOOK_SECRET_OLD: "short" },
    ["WEBHOOK_SECRET_OLD: A webhook secret is shorter"],
  ],
  [
    "people could sign in, but for a secret",
    { ...ENV, CLIENT_ID: "Iv23abc" },
    ["CLIENT_ID is set and CLIENT_SECRET is not."],
  ],
  [
    "people could sign in, but for an id",
    { ...ENV, CLIENT_SECRET: "hunter2" },
    ["CLIENT_SECRET is set and CLIENT_ID is not."],
  ],
  [
    "the relay is not reached over TLS",
    { ...ENV, RELAY_URL: "http://relay.lab.example/hunter2" },
    ["RELAY_URL must begin with https://"],
  ],
  [
    "the relay has no channel",
    { ...ENV, RELAY_URL: "https://smee.io" },
    ["RELAY_URL must end with the name"],
  ],
  [
    "the relay's address has a password",
    { ...ENV, RELAY_URL: "https://me:hunter2@smee.io/abc" },
    ["RELAY_URL must be an address"],
  ],
])("it is told when %s", (_, env, beginnings) => {
  const { faults } = readSecrets(env, "webhook");

  expect(faults).toEqual(beginnings.map((beginning) => expect.stringContaining(beginning)));
});

test("what people sign in with is read, where it is", () => {
  const { secrets, faults } = readSecrets({ ...ENV, CLIENT_ID: "Iv23abc", CLIENT_SECRET: "s" }, "webhook");

  expect(faults).toEqual([]);
  expect(secrets.signIn).toEqual({ clientId: "Iv23abc", clientSecret: "s" });
  expect(readSecrets(ENV, "webhook").secrets.signIn).toBeUndefined();
});

describe("who only asks GitHub", () => {
  test("needs no webhook secret", () => {
    const { secrets, faults } = readSecrets({ APP_ID: ENV.APP_ID, PRIVATE_KEY: ENV.PRIVATE_KEY }, "poll");

    expect(faults).toEqual([]);
    expect(secrets.webhookSecrets).toEqual([]);
  });

  test("is not kept from starting by one that is weak, since nothing is signed with it", () => {
    const { secrets, faults } = readSecrets({ ...ENV, WEBHOOK_SECRET: "short" }, "poll");

    expect(faults).toEqual([]);
    expect(secrets.webhookSecrets).toEqual([]);
  });
});

test("no fault quotes a secret", () => {
  const file = catalogueFile("hunter2hunter2");
  writeFileSync(file, "-----BEGIN RSA PRIVATE KEY-----\nhunter2hunter2\n-----END RSA PRIVATE KEY-----");

  const env = {
    APP_ID: "hunter2",
    PRIVATE_KEY_PATH: file,
    WEBHOOK_SECRET: "hunter2",
    RELAY_URL: "smee.io/hunter2",
    CLIENT_SECRET: "hunter2",
  };
  const { faults } = readSecrets(env, "webhook");

  expect(faults).toHaveLength(5);
  expect(faults.join()).not.toContain("hunter2");
});
