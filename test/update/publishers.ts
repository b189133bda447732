import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { archiveName, SYSTEMS } from "../../script/update/locks.ts";

/** Those who publish what is pinned: GitHub and the makers of base images. What they say can be changed at any time. */
export type Publishers = {
  /** For --through. */
  url: string;
  /** What an address, without https://, is answered with. A folder of `href`s, a text, JSON, or where it leads to. */
  pages: Map<string, string | { leadsTo: string }>;
  asked: string[];
  /** What was sent to them to say who asks. */
  credentials: string[];
  close: () => void;
};

export async function openPublishers(): Promise<Publishers> {
  const pages: Publishers["pages"] = new Map();
  const asked: string[] = [];
  const credentials: string[] = [];
  const server = createServer(({ url = "", headers }, response) => {
    if (headers.authorization !== undefined) credentials.push(headers.authorization);
    const page = pages.get(url.slice(1));
    asked.push(url.slice(1));
    if (page === undefined) response.writeHead(404).end();
    else if (typeof page === "string") response.end(page);
    else response.writeHead(302, { location: page.leadsTo }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, pages, asked, credentials, close: () => server.close() };
}

export const sha256 = (content: string): string => createHash("sha256").update(content).digest("hex");

export type Asset = { name: string; browser_download_url: string; digest?: string | null };

/** A release of the runner as GitHub's API describes it, whose archives hold their own name. */
export function runnerRelease(
  version: string,
  changes: { body?: string; assets?: readonly Asset[]; published_at?: string | null } = {},
) {
  return {
    tag_name: `v${version}`,
    draft: false,
    prerelease: false,
    published_at: "2026-12-01T15:04:05Z",
    body: SYSTEMS.map((system) => note(system, sha256(archiveName(system, version)))).join("\n"),
    assets: runnerAssets(version),
    ...changes,
  };
}

export const note = (system: string, digest: string): string =>
  `- ${system} <!-- BEGIN SHA ${system} -->${digest}<!-- END SHA ${system} -->`;

export const runnerAssets = (version: string): Asset[] =>
  SYSTEMS.map((system) => archiveName(system, version)).map((name) => ({
    name,
    browser_download_url: `https://github.com/actions/runner/releases/download/v${version}/${name}`,
    digest: `sha256:${sha256(name)}`,
  }));
