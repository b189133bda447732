import { dirname, resolve } from "node:path";
import { z } from "zod";
import { appFileIn, readAppFile } from "./config/app-file.ts";
import { toCatalogue, toPatience } from "./config/catalogue.ts";
import { crossFaults } from "./config/cross.ts";
import { readEntries } from "./config/entries.ts";
import { relayUrlOf } from "./config/relay.ts";
import { CATALOGUE_SCHEMA, type CatalogueFile } from "./config/schema.ts";
import { type Env, readSecrets, type Secrets } from "./config/secrets.ts";
import { schemaFaults } from "./config/sentences.ts";
import { type Fault, readSource } from "./config/source.ts";
import { type Listen, toListen, toMs } from "./config/units.ts";
import type { Catalogue, Patience } from "./core/types.ts";
import { LOG_LEVELS, type LogLevel } from "./log.ts";
import { SetupError } from "./ports.ts";

/** What mayfly.yml says, with every default filled in. */
export type Settings = {
  catalogue: Catalogue;
  github: { apiUrl: string; webUrl: string };
  /** How Mayfly hears of jobs. */
  intake: "webhook" | "poll";
  /** Between two sweeps. */
  sweepMs: number;
  web: Listen;
  /** The same as people's browsers reach it, without a slash at the end. */
  publicUrl: string | undefined;
  /** Logins, and teams as `org/team`. */
  operators: readonly string[];
  /** Host of the relay. The rest of its address is a secret. */
  relayHost: string | undefined;
  guests: Listen;
  /** Absolute path of the folder for the store, the evidence and what the drivers keep. */
  data: string;
  evidenceDays: number;
  /** Never less than `evidenceDays`. */
  historyDays: number;
  patience: Patience;
  logLevel: LogLevel;
};

/** mayfly.yml and the environment, as one record that nobody can change. */
export type Config = Omit<Settings, "github"> & {
  github: Settings["github"] & Secrets;
  /** Where the relay is, channel and all. */
  relayUrl: string | undefined;
};

type Where = { file: string; env: Env };

/** Throws `SetupError` with every fault of the file and of the environment, one sentence each. */
export function readConfig({ file, env }: Where): Config {
  const { settings, relayUrl, faults, intake } = readFile(file, env);
  const { secrets, faults: secretFaults } = readSecrets(env, intake, settings && appFileIn(settings.data));
  const sentences = [...faults, ...secretFaults.map((text) => `environment: ${text}`)];
  if (!settings || sentences.length > 0) throw new SetupError(sentences.join("\n"));
  return deepFreeze({ ...settings, github: { ...settings.github, ...secrets }, relayUrl });
}

/** Only what the file says; no secret is needed. Throws `SetupError` with every fault of the file. */
export function readSettings({ file, env }: Where): Settings {
  const { settings, faults } = readFile(file, env);
  if (!settings) throw new SetupError(faults.join("\n"));
  return deepFreeze(settings);
}

/** Where the relay is, channel and all, if the file is right. */
export const readRelayUrl = ({ file, env }: Where): string | undefined => readFile(file, env).relayUrl;

/** Only where the data folder is, whatever else is wrong in the file: a running controller can be asked all the same. */
export function readDataFolder(file: string): string {
  const source = readSource(file);
  const { data } = z.looseObject({ data: CATALOGUE_SCHEMA.shape.data }).safeParse(source.value).data ?? {};
  if (data !== undefined) return resolve(dirname(file), data);
  const faults = source.faults.length > 0 ? source.faults : [source.fault(["data"], "data must be a path.")];
  throw new SetupError(inOrder(faults).join("\n"));
}

type FileRead = {
  settings: Settings | undefined;
  relayUrl?: string | undefined;
  faults: string[];
  /** Known, as a rule, also where something else is wrong. */
  intake: Settings["intake"] | undefined;
};

function readFile(file: string, env: Env): FileRead {
  const source = readSource(file);
  const entries = readEntries(source);
  const { intake } = entries;
  if (source.faults.length > 0) return { settings: undefined, faults: inOrder(source.faults), intake };
  const folder = dirname(resolve(file));
  const faults = [...schemaFaults(source), ...crossFaults(entries, source, folder)];
  const parsed = CATALOGUE_SCHEMA.safeParse(source.value);
  if (!parsed.success || faults.length > 0) return { settings: undefined, faults: inOrder(faults), intake };
  const kept = keptRelayUrl(resolve(folder, parsed.data.data));
  const relayUrl = relayUrlOf(env, parsed.data.relay.url, kept);
  return { settings: toSettings(parsed.data, folder, env, relayUrl), relayUrl, faults: [], intake };
}

/** NB: what is wrong with the file is told where the App's credentials are read from it. */
function keptRelayUrl(data: string): string | undefined {
  try {
    return readAppFile(appFileIn(data))?.relayUrl;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return undefined;
  }
}

/** Who does without webhooks has to ask more often. */
const SWEEP = { webhook: "5m", poll: "30s" };

function toSettings(file: CatalogueFile, folder: string, env: Env, relayUrl: string | undefined): Settings {
  const webUrl = file.github.url.replace(/\/+$/, "");
  return {
    catalogue: toCatalogue(file, folder),
    github: { webUrl, apiUrl: file.github.apiUrl?.replace(/\/+$/, "") ?? apiUrlOf(webUrl) },
    intake: file.intake,
    sweepMs: toMs(file.sweep.every ?? SWEEP[file.intake]),
    web: toListen(file.web.listen),
    publicUrl: file.web.url?.replace(/\/+$/, ""),
    operators: file.operators,
    relayHost: relayUrl === undefined ? undefined : new URL(relayUrl).host,
    guests: toListen(file.guests.listen),
    data: resolve(folder, file.data),
    evidenceDays: file.evidence.days,
    historyDays: Math.max(file.history.days, file.evidence.days),
    patience: toPatience(file.patience),
    logLevel: LOG_LEVELS.find((level) => level === env.LOG_LEVEL) ?? file.log.level,
  };
}

/** See: docs.github.com, "Getting started with the REST API": a server's is under /api/v3, a ghe.com tenant's has a host of its own. */
function apiUrlOf(webUrl: string): string {
  const { hostname } = new URL(webUrl);
  const hasOwnHost = hostname === "github.com" || hostname.endsWith(".ghe.com");
  return hasOwnHost ? webUrl.replace(/^https:\/\//, "https://api.") : `${webUrl}/api/v3`;
}

/** `mayfly.yml:12:5: …`, in the order of the file. What is wrong for several hosts at once is said once. */
function inOrder(faults: readonly Fault[]): string[] {
  const sorted = faults.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const sentences = sorted.map(({ where, line, column, text }) => `${where}:${line}:${column}: ${text}`);
  return [...new Set(sentences)];
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
