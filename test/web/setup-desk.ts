import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { appFileIn, keepApp, readAppFile, tryAppFile } from "../../src/config/app-file.ts";
import { relayFault } from "../../src/config/relay.ts";
import { appMaking } from "../../src/github/app-manifest.ts";
import { GitHubUnavailable, type KeptApp } from "../../src/ports.ts";
import type { SetupParts } from "../../src/web/setup/parts.ts";
import { setupRoutes } from "../../src/web/setup/routes.ts";
import { startGitHub } from "../rig/github/server.ts";
import { aHost, anImage, aRepository } from "../support/build.ts";
import { fakeClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { createApp, unescaped } from "../support/manifest.ts";
import { newBrowser } from "./desk.ts";

export const WEB = "https://mayfly.example.org";
export const CHANNEL = "https://smee.io/a-new-channel";

type Options = Partial<SetupParts> & { operators?: string[] };

/** The wizard on an emulated GitHub that has no App, with browsers that keep cookies. */
export async function startSetupDesk({ operators = [], ...options }: Options = {}) {
  const github = await startGitHub();
  github.addRepository("octo/spinw", { installed: false });
  github.addRepository("octo/other", { installed: false });
  const folder = mkdtempSync(join(tmpdir(), "mayfly-setup-"));
  const file = appFileIn(join(folder, "data"));
  const clock = fakeClock();
  const { log, text } = keptLog();
  const tokens: string[] = [];
  const project = resolve(import.meta.dirname, "../..");
  const publicUrl = "publicUrl" in options ? options.publicUrl : WEB;
  let doneCount = 0;
  let isDown = false;
  const images = [
    anImage({ name: "linux", labels: ["self-hosted", "linux", "x64", "spinw-linux"] }),
    anImage({ name: "matlab", labels: ["self-hosted", "true", "spinw: matlab"] }),
  ];
  const making = appMaking({ project, webUrl: github.url, apiUrl: github.apiUrl, publicUrl, operators });
  const routes = setupRoutes({
    catalogue: {
      controller: "t1",
      hosts: [aHost()],
      images,
      repositories: [aRepository({ images: ["linux", "matlab"] })],
    },
    ...{ intake: "webhook", webUrl: github.url, publicUrl, relayUrl: undefined, relayFault, kept: undefined },
    ...{ file, clock, log, runsNext: true, closing: new AbortController().signal },
    making: {
      ...making,
      redeem: async (code, signal) => {
        if (isDown) throw new GitHubUnavailable("down");
        return await making.redeem(code, signal);
      },
    },
    keep: (app) => keepApp(file, app),
    tryFile: () => tryAppFile(file),
    installed: async () => {
      if (isDown) throw new GitHubUnavailable("down");
      return [...github.world.installations.values()].flatMap(({ repos }) =>
        [...repos].map((repo) => repo.fullName),
      );
    },
    newChannel: async () => CHANNEL,
    onToken: (token) => void tokens.push(token),
    onDone: () => {
      doneCount += 1;
    },
    ...options,
  });
  const browser = () => newBrowser((path, init) => routes.request(`${WEB}${path}`, init), github);
  return {
    github,
    clock,
    file,
    tokens,
    browser,
    logged: text,
    /** GitHub does not answer; or it does again. */
    goDown: (down: boolean) => {
      isDown = down;
    },
    /** From now on the file cannot be written; answers how to make it possible again. NB: rights do not hold root back. */
    blockFile: () => {
      rmSync(join(folder, "data"), { recursive: true, force: true });
      writeFileSync(join(folder, "data"), "");
      return () => {
        rmSync(join(folder, "data"));
        mkdirSync(join(folder, "data"));
        chmodSync(join(folder, "data"), 0o711);
      };
    },
    kept: (): KeptApp | undefined => readAppFile(file),
    doneCount: () => doneCount,
    close: async () => {
      await github.close();
      rmSync(folder, { recursive: true });
    },
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
