import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { systemClock, withLimit } from "../clock.ts";
import { appFileIn } from "../config/app-file.ts";
import { readSecrets } from "../config/secrets.ts";
import { readSettings, type Settings } from "../config.ts";
import { CommandFailed } from "../control/client.ts";
import { readRunsOn } from "../control/runs-on.ts";
import { explainLabels } from "../core/explain.ts";
import { ageWords } from "../core/image-age.ts";
import { imagesOn, matchLabels } from "../core/labels.ts";
import type { Host, RepoName } from "../core/types.ts";
import { DRIVERS } from "../drivers/index.ts";
import { newLog } from "../log.ts";
import { type Driver, SetupError } from "../ports.ts";
import { DONE, SETUP } from "./exit.ts";
import { meaningOf } from "./meaning.ts";
import { findings, safe } from "./text.ts";

export type CheckOptions = { config: string; runsOn?: string; repo?: string; json?: boolean };

const PROJECT = resolve(import.meta.dirname, "../..");
const HOST_LIMIT_MS = 60_000;

/** `mayfly check`: prints what the catalogue means and what is missing, and answers the exit code. */
export async function check({ config: file, runsOn, repo, json }: CheckOptions): Promise<number> {
  const settings = readSettings({ file, env: process.env });
  if (runsOn !== undefined) return tryLabels(runsOn, repo, settings, json);
  await refuseOtherUser(settings.data);
  if (!json) console.log(`${safe(meaningOf(settings))}\n`);
  const hosts = await Promise.all(settings.catalogue.hosts.map((host) => checkHost(host, settings)));
  const environment = readSecrets(process.env, settings.intake, appFileIn(settings.data)).faults;
  if (json) console.log(JSON.stringify({ settings, hosts, environment }, undefined, 2));
  else console.log(safe(findingsOf(hosts, environment)));
  const count = environment.length + hosts.reduce((sum, { faults }) => sum + faults.length, 0);
  if (count === 0) return DONE;
  console.error(count === 1 ? "One thing is missing; see above." : `${count} things are missing; see above.`);
  return SETUP;
}

/** NB: drivers make folders in the data folder; those of another user would be closed to the controller. */
export async function refuseOtherUser(data: string): Promise<void> {
  const owner = await stat(data).then(
    ({ uid }) => uid,
    () => undefined,
  );
  if (owner === undefined || owner === process.getuid?.()) return;
  throw new SetupError(
    `${data} belongs to another user, with the number ${owner}. Run the check as that user: sudo -u "#${owner}" mayfly check`,
  );
}

type HostFindings = { host: string; faults: string[] };

/** What is missing on a host, by its driver's own look. */
export async function checkHost(host: Host, { catalogue, data }: Settings): Promise<HostFindings> {
  try {
    const driver = DRIVERS[host.driver]({
      host,
      hosts: catalogue.hosts.map(({ name }) => name),
      images: imagesOn(host, catalogue),
      controller: catalogue.controller,
      folder: join(data, "hosts", host.name),
      log: newLog({ level: "error", to: process.stderr }),
      ring: () => {},
      project: PROJECT,
      clock: systemClock,
    });
    const faults = await withLimit(systemClock, HOST_LIMIT_MS, async (signal) => [
      ...(await driver.check(signal)),
      ...(await oldImages(driver, host, signal)),
    ]);
    await driver.close();
    return { host: host.name, faults };
  } catch (error) {
    return {
      host: host.name,
      faults: [`It could not be checked: ${error instanceof Error ? error.message : String(error)}`],
    };
  }
}

/** NB: a host whose images cannot be asked for has faults of its own, which say why. */
async function oldImages(driver: Driver, { name }: Host, signal: AbortSignal): Promise<string[]> {
  const images = (await driver.cloudImages?.list(signal).catch(() => [])) ?? [];
  return images.flatMap((image) => ageWords(image, name, systemClock.now()));
}

function findingsOf(hosts: readonly HostFindings[], environment: readonly string[]): string {
  return [
    ...hosts.map(({ host, faults }) => findings(`Host ${host}`, faults)),
    findings("Environment", environment),
  ].join("\n");
}

/** NB: what admins have set is in the data folder, where a running controller has it. */
const NOT_ALL =
  "Labels that the repository's admins have added are not looked at here. Its settings page tries a line with them, too.";

/** Says where a `runs-on` line leads. Throws `CommandFailed` when it leads nowhere. */
function tryLabels(
  runsOn: string,
  repo: RepoName | undefined,
  { catalogue }: Settings,
  json: boolean | undefined,
): number {
  const read = readRunsOn(runsOn);
  if ("sentence" in read) {
    throw new SetupError(
      `--runs-on must be what stands after "runs-on:" in a workflow, such as "[self-hosted, spinw-linux]". ${read.sentence}`,
    );
  }
  const { labels } = read;
  const [only, ...more] = catalogue.repositories;
  const name = repo ?? (more.length === 0 ? only?.name : undefined);
  if (name === undefined) {
    throw new SetupError(
      `Say for which repository, with --repo: ${catalogue.repositories.map((each) => each.name).join(", ")}.`,
    );
  }
  const sentence = explainLabels({ labels, repo: name }, catalogue).join("\n");
  const match = matchLabels(labels, name, catalogue);
  if (!match.image)
    throw new CommandFailed(safe(match.why === "unknown-label" ? `${sentence}\n${NOT_ALL}` : sentence));
  const image = match.image.name;
  console.log(json ? JSON.stringify({ image, sentence }, undefined, 2) : safe(sentence));
  return DONE;
}
