import { once } from "node:events";
import { appFileIn } from "../config/app-file.ts";
import { isAppGiven, setIn } from "../config/secrets.ts";
import { readRelayUrl, readSettings, type Settings } from "../config.ts";
import { newLog } from "../log.ts";
import { SetupError } from "../ports.ts";
import type { WebListener } from "../web/listener.ts";
import { refuseOtherUser } from "./check.ts";
import { DONE } from "./exit.ts";
import { safe } from "./text.ts";
import { startWizard } from "./wizard.ts";

type Where = { file: string; env: NodeJS.ProcessEnv };

/** `mayfly setup`: the wizard, until it is done. Answers the exit code. */
export async function setup({ config: file }: { config: string }): Promise<number> {
  const where = { file, env: process.env };
  const settings = readSettings(where);
  const set = setIn(process.env);
  if (set.length > 0) {
    throw new SetupError(
      `${set.join(", ")} ${set.length === 1 ? "is" : "are"} set, so the environment has an App. mayfly doctor looks at it. To have one made, unset what is set (also in .env).`,
    );
  }
  await refuseOtherUser(settings.data);
  const log = newLog({ level: "warn", to: process.stderr });
  const onAddress = (url: string, local: string) => console.log(safe(addressWords(url, local)));
  const wizard = await startWizard({
    settings,
    relayUrl: readRelayUrl(where),
    runsNext: false,
    onAddress,
    log,
  });
  await wizard.done;
  await wizard.close();
  console.log("All is set up. Now start Mayfly: mayfly start, or systemctl start mayfly");
  return DONE;
}

function addressWords(url: string, local: string): string {
  const here = url === local ? "" : `\nor, in a browser on this machine:\n\n  ${local}\n`;
  return `Open this address in a browser. It is good once; keep it to yourself.\n\n  ${url}\n${here}\nThis command ends when all is set up.`;
}

/** The settings, if `mayfly start` has to make an App first. NB: what is wrong in the file is told by who reads all of it. */
export function needsApp(where: Where): Settings | undefined {
  try {
    const settings = readSettings(where);
    return isAppGiven(where.env, appFileIn(settings.data)) ? undefined : settings;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return undefined;
  }
}

/** The wizard in front of `mayfly start`. Answers the web listener, which stays open. `ended`: Mayfly was told to end meanwhile. */
export async function setUpFirst(settings: Settings, where: Where): Promise<WebListener | "ended"> {
  const log = newLog({ level: settings.logLevel });
  const onAddress = (url: string, local: string) =>
    log.warn(
      { url, ...(url !== local && { local }) },
      "there is no GitHub App yet: open this address in a browser to make one. It is good once",
    );
  const wizard = await startWizard({
    settings,
    relayUrl: readRelayUrl(where),
    runsNext: true,
    onAddress,
    log,
  });
  const listening = new AbortController();
  const { signal } = listening;
  const told = ["SIGTERM", "SIGINT"].map((name) =>
    once(process, name, { signal }).then(() => "ended" as const),
  );
  for (const one of told) one.catch(() => undefined);
  const how = await Promise.race([wizard.done.then(() => "done" as const), ...told]);
  listening.abort();
  if (how === "done") return wizard.web;
  await wizard.close();
  return how;
}
