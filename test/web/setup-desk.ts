import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { appFileIn, keepApp, readAppFile, tryAppFile } from "../../src/config/app-file.ts";
import { relayFault } from "../../src/config/relay.ts";
import { appMaking } from "../../src/github/app-manifest.ts";
import type { KeptApp } from "../../src/ports/app.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import type { SetupParts } from "../../src/web/setup/parts.ts";
import { setupRoutes } from "../../src/web/setup/routes.ts";
import { type EmulatedGitHub, startGitHub } from "../rig/github/server.ts";
import { aHost, anImage, aRepository } from "../support/build.ts";
import { fakeClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { createApp, unescaped } from "../support/manifest.ts";
import { newBrowser } from "./desk.ts";

export const WEB = "https://mayfly.example.org";
export const CHANNEL = "https://smee.io/a-new-channel";

type Options = Partial<SetupParts> & {
  operators?: string[];
  /** Is waited for before GitHub hands out an App's key. */
  beforeRedeem?: () => Promise<void>;
};

/** The wizard on an emulated GitHub that has no App, with browsers that keep cookies. */
export async function startSetupDesk({ operators = [], beforeRedeem, ...options }: Options = {}) {
  const github = await startGitHub();
  github.addRepository("octo/spinw", { installed: false });
  github.addRepository("octo/other", { installed: false });
  const folder = mkdtempSync(join(tmpdir(), "mayfly-setup-"));
  const data = join(folder, "data");
  const file = appFileIn(data);
  const clock = fakeClock();
  const { log, text } = keptLog();
  const tokens: string[] = [];
  const state = { doneCount: 0, isDown: false };
  const publicUrl = "publicUrl" in options ? options.publicUrl : WEB;
  const routes = setupRoutes({
    ...{ catalogue: CATALOGUE, intake: "webhook", webUrl: github.url, relayUrl: undefined, relayFault },
    ...{ kept: undefined, file, clock, log, runsNext: true, closing: new AbortController().signal },
    ...askingGitHub(github, { publicUrl, operators, beforeRedeem }, () => state.isDown),
    keep: (app) => keepApp(file, app),
    tryFile: () => tryAppFile(file),
    newChannel: async () => CHANNEL,
    onToken: (token) => void tokens.push(token),
    onDone: () => {
      state.doneCount += 1;
    },
    publicUrl,
    ...options,
  });
  return {
    ...{ github, clock, file, tokens, logged: text },
    browser: () => newBrowser((path, init) => routes.request(`${WEB}${path}`, init), github),
    /** GitHub does not answer; or it does again. */
    goDown: (isDown: boolean) => void Object.assign(state, { isDown }),
    blockFile: () => block(data),
    kept: (): KeptApp | undefined => readAppFile(file),
    doneCount: () => state.doneCount,
    close: async () => {
      await github.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const CATALOGUE = {
  controller: "t1",
  hosts: [aHost()],
  images: [
    anImage({ name: "linux", labels: ["self-hosted", "linux", "x64", "spinw-linux"] }),
    anImage({ name: "matlab", labels: ["self-hosted", "true", "spinw: matlab"] }),
  ],
  repositories: [aRepository({ images: ["linux", "matlab"] })],
};

type Asking = {
  publicUrl: string | undefined;
  operators: string[];
  beforeRedeem: Options["beforeRedeem"];
};

function askingGitHub(github: EmulatedGitHub, { beforeRedeem, ...asking }: Asking, isDown: () => boolean) {
  const project = resolve(import.meta.dirname, "../..");
  const making = appMaking({ ...asking, project, webUrl: github.url, apiUrl: github.apiUrl });
  const refuseIfDown = () => {
    if (isDown()) throw new GitHubUnavailable("down");
  };
  const redeem: typeof making.redeem = async (code, signal) => {
    refuseIfDown();
    await beforeRedeem?.();
    return await making.redeem(code, signal);
  };
  const installed = async () => {
    refuseIfDown();
    const installations = [...github.world.installations.values()];
    return installations.flatMap(({ repos }) => Array.from(repos, ({ fullName }) => fullName));
  };
  return { making: { ...making, redeem }, installed };
}

/** From now on nothing can be written into the folder; answers how to make it possible again. NB: rights do not hold root back. */
function block(folder: string): () => void {
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(folder, "");
  return () => {
    rmSync(folder);
    mkdirSync(folder);
  };
}

export type SetupDesk = Awaited<ReturnType<typeof startSetupDesk>>;
export type Person = ReturnType<SetupDesk["browser"]>;

/** A browser that came by the address in the log. */
export async function comeIn(desk: SetupDesk): Promise<Person> {
  const person = desk.browser();
  await person.get(`/setup?token=${desk.tokens.at(-1)}`);
  return person;
}

const FORM = { owner: "org", org: "octo", name: "Mayfly of octo", way: "direct", relay: "" };

/** Sends the form of the first step, as it is but for what is named. */
export const choose = (person: Person, change: Partial<typeof FORM> = {}): Promise<Response> =>
  person.post("/setup/where", undefined, new URLSearchParams({ ...FORM, ...change }).toString());

/** The form that leads to GitHub. */
export async function makeForm(
  person: Person,
): Promise<{ action: string; manifest: Record<string, unknown> }> {
  const page = await person.text("/setup/app");
  const [, action = ""] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
  const [, manifest = "{}"] = /name="manifest" value="([^"]+)"/.exec(page) ?? [];
  return { action: unescaped(action), manifest: JSON.parse(unescaped(manifest)) };
}

/** Makes the App at GitHub, and answers the path to which the browser is sent back. */
export async function makeAtGitHub(person: Person): Promise<string> {
  const { action, manifest } = await makeForm(person);
  const back = await createApp(action, manifest);
  return `${back.pathname}${back.search}`;
}

/** The whole way to the App. */
export async function makeApp(desk: SetupDesk, change: Partial<typeof FORM> = {}): Promise<Person> {
  const person = await comeIn(desk);
  await choose(person, change);
  await person.get(await makeAtGitHub(person));
  return person;
}
