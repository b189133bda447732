import type { Fact } from "../../src/core/facts.ts";
import { settler } from "../../src/core/settings.ts";
import type { Image, Repository, RunSeen } from "../../src/core/types.ts";
import { githubSignIn } from "../../src/github/sign-in.ts";
import { GitHubUnavailable } from "../../src/ports.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { changesOf } from "../../src/web/changes.ts";
import { pageRoutes } from "../../src/web/pages.ts";
import { type EmulatedGitHub, startGitHub } from "../rig/github/server.ts";
import { aCatalogue, aHost, anImage, aRepository, aWorld } from "../support/build.ts";
import { fakeClock } from "../support/clock.ts";
import { keptLog } from "../support/log.ts";
import { answerGitHub } from "../support/sign-in.ts";

export const WEB = "https://mayfly.example.org";
export const KEY = "0".repeat(64);

export type DeskOptions = {
  facts?: readonly Fact[];
  /** Left out: `octocat`, and the team octo/admins. */
  operators?: string[];
  isSignInSet?: boolean;
  files?: Record<string, string>;
  /** Laid over octo/spinw of the catalogue. */
  repository?: Partial<Repository>;
  images?: readonly Image[];
  /** Ids of webhooks that failed every try. */
  setAside?: string[];
};

/** The pages, an emulated GitHub to sign in with, and browsers that keep cookies. */
export async function startDesk(options: DeskOptions = {}) {
  const { facts = [], operators = ["octocat", "octo/admins"], isSignInSet = true } = options;
  const { files = {}, setAside = [], repository = {}, images = [anImage()] } = options;
  const github = await startGitHub({ callbacks: [`${WEB}/sign-in/callback`] });
  github.addRepository("octo/spinw", { private: true });
  github.addRepository("octo/secret", { private: true });
  github.addCollaborator("octo/spinw", "mona", "read");
  github.addStranger("hubot");
  const clock = fakeClock();
  const changes = changesOf(clock);
  const store = memoryStore(changes.note);
  await store.record(facts);
  const { log, lines, text } = keptLog();
  const repositories = [aRepository(repository), aRepository({ name: "octo/secret" })];
  const catalogue = {
    hosts: [aHost({ cpus: 8 }), aHost({ name: "lab2" })],
    images,
    repositories,
  };
  const settle = settler(aCatalogue(catalogue));
  const world = () => ({
    ...aWorld({ now: clock.now() }),
    catalogue: settle(store.state.settings),
    state: store.state,
  });
  const closing = new AbortController();
  const { clientId, clientSecret } = github.app;
  const signIn = githubSignIn({ clientId, clientSecret, webUrl: github.url, apiUrl: github.apiUrl, log });
  let isDown = false;
  const runs = new Map<number, RunSeen>();
  const rerunRuns: number[] = [];
  const right = (repo: string, login: string) =>
    github.world.repos.get(repo.toLowerCase())?.collaborators.get(login);
  const asked = async <T>(answer: () => T): Promise<T> => {
    if (isDown) throw new GitHubUnavailable("down");
    return answer();
  };
  const routes = pageRoutes({
    ...{ store, world, changes, clock, log, operators, key: KEY, closing: closing.signal },
    github: {
      isMember: (_, team, login) => asked(() => github.world.teams.get(`octo/${team}`)?.has(login) ?? false),
      mayWrite: (repo, login) => asked(() => ["admin", "write"].includes(right(repo, login) ?? "")),
      administers: (repo, login) => asked(() => right(repo, login) === "admin"),
      job: (_, id) => asked(() => store.state.jobs.get(id) ?? "gone"),
      run: (_, id) => asked(() => runs.get(id) ?? "gone"),
      rerunRun: (_, id) =>
        asked(() => {
          rerunRuns.push(id);
          return "queued";
        }),
    },
    signIn: isSignInSet ? signIn : undefined,
    webUrl: github.url,
    publicUrl: isSignInSet ? WEB : undefined,
    relay: undefined,
    standing: () => [],
    setAside: () => setAside,
    filesOf: async () => files,
    ring: () => {},
  });
  return {
    github,
    store,
    clock,
    lines,
    logged: text,
    closing,
    /** Runs as GitHub's REST side tells of them, and those that were run again. */
    runs,
    rerunRuns,
    /** GitHub's REST side does not answer from now on. */
    goDown: () => {
      isDown = true;
    },
    browser: () => newBrowser((path, init) => routes.request(`${WEB}${path}`, init), github),
    close: () => github.close(),
  };
}

export type Desk = Awaited<ReturnType<typeof startDesk>>;
type Send = (path: string, init?: RequestInit) => Response | Promise<Response>;

/** What a browser does, as far as it matters here: it keeps cookies, and says where its forms come from. */
export function newBrowser(send: Send, github: EmulatedGitHub) {
  const cookies = new Map<string, string>();

  async function go(path: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { cookie, ...(init.headers as Record<string, string>) };
    const response = await send(path, { ...init, headers });
    for (const line of response.headers.getSetCookie()) keep(line);
    return response;
  }

  function keep(line: string): void {
    const [pair = "", ...attributes] = line.split("; ");
    const [name = "", value = ""] = pair.split("=", 2);
    if (attributes.includes("Max-Age=0")) cookies.delete(name);
    else cookies.set(name, value);
  }

  return {
    cookies,
    get: go,
    text: async (path: string) => (await go(path)).text(),
    /** Sends a form of one of the pages. */
    post: (path: string, headers: Record<string, string> = { "sec-fetch-site": "same-origin" }, body = "") =>
      go(path, {
        method: "POST",
        body,
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      }),
    /** Goes to GitHub, which sends it back to this address, with which nothing was done yet. */
    async askGitHub(login: string, { to = "/", answer = "authorize" } = {}): Promise<string> {
      const left = await go(`/sign-in/github?to=${encodeURIComponent(to)}`);
      const back = await answerGitHub(left.headers.get("location") ?? "", login, answer);
      if (github.violations.length > 0) throw new Error(github.violations.join("\n"));
      return `${back.pathname}${back.search}`;
    },
    async signIn(login: string): Promise<Response> {
      return go(await this.askGitHub(login));
    },
  };
}
