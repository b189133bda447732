import { resolve } from "node:path";
import { systemClock, withLimit } from "../clock.ts";
import { appFileIn } from "../config/app-file.ts";
import { readSecrets } from "../config/secrets.ts";
import { readRelayUrl, readSettings, type Settings } from "../config.ts";
import { githubPort } from "../github/port.ts";
import { newLog } from "../log.ts";
import { checkHost, refuseOtherUser } from "./check.ts";
import { examineGitHub, type Section } from "./doctor-github.ts";
import { dataFaults, imageFaults } from "./doctor-machine.ts";
import { DONE, FAILED } from "./exit.ts";
import { findings, safe } from "./text.ts";

const PROJECT = resolve(import.meta.dirname, "../..");
const GITHUB_LIMIT_MS = 120_000;

/** `mayfly doctor`: what is missing on this machine and at GitHub, with the cure. Answers the exit code. */
export async function doctor({ config: file, json }: { config: string; json?: boolean }): Promise<number> {
  const settings = readSettings({ file, env: process.env });
  await refuseOtherUser(settings.data);
  const { catalogue, data } = settings;
  const hosts = await Promise.all(catalogue.hosts.map((host) => checkHost(host, settings)));
  const sections: Section[] = [
    { name: "Data folder", faults: await dataFaults(data) },
    { name: "Images", faults: await imageFaults(catalogue.images, Date.now()) },
    ...hosts.map(({ host, faults }) => ({ name: `Host ${host}`, faults })),
    ...(await examineOutside(settings, readRelayUrl({ file, env: process.env }))),
  ];
  const count = sections.reduce((sum, { faults }) => sum + faults.length, 0);
  if (json) console.log(JSON.stringify({ ok: count === 0, sections }, undefined, 2));
  else console.log(safe(sections.map(({ name, faults }) => findings(name, faults)).join("\n")));
  if (count === 0) return DONE;
  console.error(count === 1 ? "One thing is wrong; see above." : `${count} things are wrong; see above.`);
  return FAILED;
}

/** NB: without the App's credentials GitHub cannot be asked for anything. */
async function examineOutside(settings: Settings, relayUrl: string | undefined): Promise<Section[]> {
  const { secrets, faults } = readSecrets(process.env, settings.intake, appFileIn(settings.data));
  const environment = { name: "Environment", faults };
  if (secrets.appId === 0 || secrets.privateKey === "") return [environment];
  const log = newLog({ level: "error", to: process.stderr, secrets: [secrets.privateKey] });
  const { setup } = githubPort({ ...settings.github, ...secrets, log, clock: systemClock });
  const { github, intake, operators, catalogue } = settings;
  const repositories = catalogue.repositories.map(({ name }) => name);
  const where = { project: PROJECT, intake, relayUrl, repositories, operators };
  const parts = { ...github, ...where, setup, now: systemClock.now };
  const found = await withLimit(systemClock, GITHUB_LIMIT_MS, (signal) =>
    examineGitHub({ ...parts, signal }),
  );
  return [environment, ...found];
}
