import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readConfig, readDataFolder, readSettings } from "../../src/config.ts";
import { DEFAULT_PATIENCE } from "../../src/core/patience.ts";
import { hours, minutes, seconds } from "../support/build.ts";
import { catalogueFile, changed, ENV, GOOD } from "./file.ts";

const settings = (text: string, env = {}) => readSettings({ file: catalogueFile(text), env });

describe("a small catalogue", () => {
  test("has good defaults for all that it does not say", () => {
    const { catalogue, ...rest } = settings(GOOD);

    expect(catalogue.hosts).toMatchObject([
      {
        driver: "vagrant",
        provider: "libvirt",
        hypervisor: "kvm",
        machines: 4,
        starting: 2,
        memoryMiB: 16_384,
      },
    ]);
    expect(catalogue.images[0]).toMatchObject({
      arch: "x64",
      prepared: false,
      cpus: 2,
      memoryMiB: 4096,
      hosts: ["lab1"],
      machines: 4,
      limits: { bootMs: minutes(10), jobMs: hours(6), idleMs: 0 },
    });
    expect(catalogue.repositories).toMatchObject([{ machines: 4, hot: {}, registration: "jit" }]);
    expect(rest).toEqual({
      github: { webUrl: "https://github.com", apiUrl: "https://api.github.com" },
      intake: "webhook",
      sweepMs: minutes(5),
      web: { host: "127.0.0.1", port: 3000 },
      operators: [],
      guests: { host: "0.0.0.0", port: 8443 },
      data: "/var/lib/mayfly",
      evidenceDays: 14,
      historyDays: 100,
      patience: DEFAULT_PATIENCE,
      logLevel: "info",
    });
  });

  test("tells each host where its VMs call, its own address before the common one", () => {
    const text = changed(
      "images:\n  - name: linux",
      "  - name: lab2\n    guestUrl: https://10.0.0.1:9443/\nimages:\n  - name: linux",
    );

    expect(settings(text).catalogue.hosts.map(({ guestUrl }) => guestUrl)).toEqual([
      "https://192.168.121.1:8443",
      "https://10.0.0.1:9443",
    ]);
  });

  test("lets one VM at a time have a fixed MAC address", () => {
    const text = changed("{ name: mayfly/matlab }", '{ name: mayfly/matlab }\n    mac: "52:54:00:AB:CD:EF"');

    expect(settings(text).catalogue.images[1]).toMatchObject({ mac: "52:54:00:ab:cd:ef", machines: 1 });
  });

  test("finds its files from its own folder", () => {
    const file = catalogueFile(
      changed("{ name: mayfly/matlab }", `{ file: mayfly.yml, sha256: "${"AB".repeat(32)}" }`).replace(
        "controller: lab",
        "controller: lab\ndata: ../data",
      ),
    );

    const { catalogue, data } = readSettings({ file, env: {} });

    expect(catalogue.images[1]?.box).toEqual({ name: "mayfly/matlab", file, sha256: "ab".repeat(32) });
    expect(data).toBe(join(dirname(dirname(file)), "data"));
  });

  test.each([
    ["https://github.com", "https://api.github.com"],
    ["https://octocorp.ghe.com", "https://api.octocorp.ghe.com"],
    ["https://github.lab.example/", "https://github.lab.example/api/v3"],
    ["http://127.0.0.1:4000", "http://127.0.0.1:4000/api/v3"],
  ])("knows the API that belongs to %s", (url, apiUrl) => {
    const { github } = settings(changed("controller: lab", `controller: lab\ngithub: { url: "${url}" }`));

    expect(github).toEqual({ webUrl: url.replace(/\/$/, ""), apiUrl });
  });

  test.each([
    ["500ms", 500],
    ["30s", seconds(30)],
    ["1.5 h", minutes(90)],
    ["2d", hours(48)],
  ])("takes %s for a time", (written, ms) => {
    const { patience } = settings(
      changed("controller: lab", `controller: lab\npatience: { lost: ${written} }`),
    );

    expect(patience).toEqual({ ...DEFAULT_PATIENCE, lostMs: ms });
  });

  test.each([
    ["intake: poll", "poll", seconds(30)],
    ["intake: poll\nsweep: { every: 10s }", "poll", seconds(10)],
    ["sweep: { every: 1m }", "webhook", minutes(1)],
  ])("that says %s hears of jobs by %s, and sweeps every %i ms", (written, intake, sweepMs) => {
    expect(settings(changed("controller: lab", `controller: lab\n${written}`))).toMatchObject({
      intake,
      sweepMs,
    });
  });

  test.each([
    ["[::1]:80", { host: "::1", port: 80 }],
    ["localhost:0", { host: "localhost", port: 0 }],
  ])("takes %s for a place to listen at", (written, listen) => {
    expect(
      settings(changed("controller: lab", `controller: lab\nweb: { listen: "${written}" }`)).web,
    ).toEqual(listen);
  });

  test("logs at the level of the environment before its own", () => {
    const text = changed("controller: lab", "controller: lab\nlog: { level: warn }");

    const levels = [{}, { LOG_LEVEL: "debug" }, { LOG_LEVEL: "loud" }].map(
      (env) => settings(text, env).logLevel,
    );

    expect(levels).toEqual(["warn", "debug", "warn"]);
  });
});

describe("a configuration", () => {
  test("cannot be changed by anybody", () => {
    const config = readConfig({ file: catalogueFile(GOOD), env: ENV });

    const frozen = [config, config.github, config.catalogue.images, config.catalogue.images[0]?.limits];

    expect(frozen.map((part) => Object.isFrozen(part))).toEqual([true, true, true, true]);
  });

  test("has the secrets of the environment", () => {
    const env = { ...ENV, WEBHOOK_SECRET_OLD: "fedcba9876543210" };

    const { github } = readConfig({ file: catalogueFile(GOOD), env });

    expect(github).toEqual({
      webUrl: "https://github.com",
      apiUrl: "https://api.github.com",
      appId: 42,
      privateKey: ENV.PRIVATE_KEY,
      webhookSecrets: ["0123456789abcdef", "fedcba9876543210"],
    });
  });

  test("tells the faults of the file and of the environment at once", () => {
    const file = catalogueFile(changed("machines: 4", "machines: 0"));

    expect(() => readConfig({ file, env: { CLIENT_ID: "a", CLIENT_SECRET: "b" } })).toThrow(
      /^mayfly\.yml:5:15: .*\nenvironment: APP_ID .*\nenvironment: PRIVATE_KEY_PATH .*\nenvironment: WEBHOOK_SECRET .*$/,
    );
  });
});

describe("the relay", () => {
  const text = changed("controller: lab", "controller: lab\nrelay: { url: https://smee.io/of-the-file }");
  const read = (env: Record<string, string>) =>
    readConfig({ file: catalogueFile(text), env: { ...ENV, ...env } });

  test("is that of the file", () => {
    expect(read({})).toMatchObject({ relayUrl: "https://smee.io/of-the-file", relayHost: "smee.io" });
  });

  test("is that of the environment first", () => {
    const config = read({ RELAY_URL: "http://127.0.0.1:4000/of-the-environment" });

    expect(config).toMatchObject({
      relayUrl: "http://127.0.0.1:4000/of-the-environment",
      relayHost: "127.0.0.1:4000",
    });
  });

  test("has a channel, which is not shown to those who only want to know the settings", () => {
    const shown = settings(text, { RELAY_URL: "https://relay.lab.example/of-the-environment" });

    expect(shown.relayHost).toBe("relay.lab.example");
    expect(JSON.stringify(shown)).not.toContain("of-the");
  });
});

describe("a configuration that only asks GitHub", () => {
  const text = changed("controller: lab", "controller: lab\nintake: poll");
  const env = { APP_ID: ENV.APP_ID, PRIVATE_KEY: ENV.PRIVATE_KEY };

  test("needs no webhook secret", () => {
    expect(readConfig({ file: catalogueFile(text), env }).github.webhookSecrets).toEqual([]);
  });

  test("is not told to set one either while something else is wrong", () => {
    const file = catalogueFile(text.replace("machines: 4", "machines: 0"));

    expect(() => readConfig({ file, env })).toThrow(/^mayfly\.yml:6:15: [^\n]*$/);
  });
});

describe("the data folder", () => {
  test("is found although something else in the file is wrong", () => {
    const file = catalogueFile(`data: data\n${changed("machines: 4", "machines: none")}`);

    expect(readDataFolder(file)).toBe(join(dirname(file), "data"));
  });

  test("has a default", () => {
    expect(readDataFolder(catalogueFile(GOOD))).toBe("/var/lib/mayfly");
  });

  test("is not guessed when it is wrong, or the file is no YAML", () => {
    expect(() => readDataFolder(catalogueFile("data: 7\n"))).toThrow("mayfly.yml:1:7: data must be a path.");
    expect(() => readDataFolder(catalogueFile("data: [\n"))).toThrow("this is not YAML");
  });
});
