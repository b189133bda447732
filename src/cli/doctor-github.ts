import type { RepoName } from "../core/types.ts";
import { type Wanted, wantedOf } from "../github/app-manifest.ts";
import { Refused } from "../github/errors.ts";
import type { AppSeen, AppSetup, InstallationSeen } from "../ports/app.ts";

export type Section = { name: string; faults: string[] };

export type GitHubParts = {
  setup: AppSetup;
  /** Folder of app.yml. */
  project: string;
  webUrl: string;
  apiUrl: string;
  intake: "webhook" | "poll";
  relayUrl: string | undefined;
  repositories: readonly RepoName[];
  /** Logins, and teams as `org/team`. */
  operators: readonly string[];
  now: () => number;
  signal: AbortSignal;
};

type Rights = Readonly<Record<string, string>>;

/** GitHub's docs allow a token a minute; half of it is left for what else may be late. */
const CLOCK_MS = 30_000;

/** What is wrong with the App at GitHub, in sentences that say what to do. */
export async function examineGitHub(parts: GitHubParts): Promise<Section[]> {
  const wanted = wantedOf(parts.project, parts.operators);
  const askedAt = parts.now();
  let app: AppSeen;
  try {
    app = await parts.setup.app(parts.signal);
  } catch (error) {
    return [{ name: "GitHub App", faults: [unreachableWords(error, parts)] }];
  }
  const page = settingsPage(app, parts.webUrl);
  const repositories: Section[] = [];
  for (const repo of parts.repositories) {
    repositories.push({
      name: `Repository ${repo}`,
      faults: await examineRepository(repo, app, wanted, parts),
    });
  }
  return [
    {
      name: "GitHub App",
      faults: [...rightFaults(app, wanted, page), ...eventFaults(app, wanted, page, parts)],
    },
    { name: "Webhooks", faults: parts.intake === "poll" ? [] : hookFaults(app.hook, page, parts.relayUrl) },
    { name: "Clock", faults: clockFaults(app.at, (askedAt + parts.now()) / 2) },
    ...repositories,
  ];
}

/** See: docs.github.com, "Modifying a GitHub App registration", for where these pages are. */
function settingsPage({ slug, owner }: AppSeen, webUrl: string): string {
  const of = owner.isOrganization ? `organizations/${owner.login}/` : "";
  return `${webUrl}/${of}settings/apps/${slug}`;
}

function unreachableWords(error: unknown, { apiUrl }: GitHubParts): string {
  if (error instanceof Refused && (error.status === 401 || error.status === 404)) {
    return `GitHub does not know an App with this number and this key (status ${error.status}). Compare APP_ID with the App's page, make a new private key there, and look whether this machine's clock is right (timedatectl).`;
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `GitHub cannot be asked at ${apiUrl} (${reason}). Look whether this machine reaches it: curl ${apiUrl}/meta. Behind a proxy set HTTPS_PROXY.`;
}

function rightFaults({ permissions }: { permissions: Rights }, wanted: Wanted, page: string): string[] {
  const lacking = lackingRights(permissions, wanted);
  return lacking.length === 0
    ? []
    : [
        `The App lacks ${lacking.join(", ")}. Give it that on ${page}/permissions; whoever owns a repository is then asked to accept it.`,
      ];
}

function eventFaults({ events }: AppSeen, wanted: Wanted, page: string, { intake }: GitHubParts): string[] {
  const lacking = wanted.events.filter((event) => !events.includes(event));
  if (intake === "poll" || lacking.length === 0) return [];
  return [
    `The App is not subscribed to ${lacking.join(", ")}. Tick it on ${page}/permissions, under "Subscribe to events".`,
  ];
}

/** `checks: write`. */
function lackingRights(has: Rights, { permissions }: Wanted): string[] {
  return Object.entries(permissions)
    .filter(([name, level]) => has[name] !== level && has[name] !== "write")
    .map(([name, level]) => `${name}: ${level}`);
}

/** NB: the relay's address is a secret; whoever knows it can listen. */
function hookFaults(hook: AppSeen["hook"], page: string, relayUrl: string | undefined): string[] {
  const { url, contentType, hasSecret } = hook;
  if (url === undefined) {
    const address = relayUrl === undefined ? "https://<your address>/webhook" : "the address in RELAY_URL";
    return [`The App has no webhook address. On ${page} tick Active under Webhook, and enter ${address}.`];
  }
  return [
    ...addressFaults(url, page, relayUrl),
    ...(contentType === "json"
      ? []
      : [
          `Webhooks come as ${contentType ?? "an unknown type"}. Set their content type to application/json on ${page}.`,
        ]),
    ...(hasSecret
      ? []
      : [`Webhooks have no secret, so none of them is taken. Enter WEBHOOK_SECRET on ${page}.`]),
  ];
}

function addressFaults(url: string, page: string, relayUrl: string | undefined): string[] {
  const host = hostOf(url);
  if (relayUrl !== undefined) {
    if (withoutSlash(url) === withoutSlash(relayUrl)) return [];
    const isChannel = host === hostOf(relayUrl);
    return [
      isChannel
        ? `The App's webhook goes to ${host}, but not to the channel that Mayfly listens to. Enter the address in RELAY_URL on ${page}.`
        : `The App's webhook goes to ${host}, and Mayfly listens to the relay ${hostOf(relayUrl)}. Enter the address in RELAY_URL on ${page}, or do without a relay.`,
    ];
  }
  if (/\/webhook\/?$/.test(URL.canParse(url) ? new URL(url).pathname : "")) return [];
  return [
    `The App's webhook goes to ${host}, to a path that is not /webhook. Enter https://<your address>/webhook on ${page}; if ${host} is a relay, set RELAY_URL to that address here.`,
  ];
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "an address that is none");
const withoutSlash = (url: string): string => url.replace(/\/+$/, "");

function clockFaults(at: number | undefined, now: number): string[] {
  if (at === undefined || Math.abs(now - at) <= CLOCK_MS) return [];
  const seconds = Math.round(Math.abs(now - at) / 1000);
  return [
    `This machine's clock is ${seconds} s ${now > at ? "ahead of" : "behind"} GitHub's, which refuses keys of another time. Have it set by the network: timedatectl set-ntp true.`,
  ];
}

async function examineRepository(
  repo: RepoName,
  { slug, permissions }: AppSeen,
  wanted: Wanted,
  { setup, webUrl, signal }: GitHubParts,
): Promise<string[]> {
  let found: InstallationSeen | "none";
  try {
    found = await setup.installation(repo, signal);
  } catch (error) {
    return [
      `GitHub could not be asked about it (${error instanceof Error ? error.message : String(error)}).`,
    ];
  }
  if (found === "none")
    return [`The App is not installed there. Install it: ${webUrl}/apps/${slug}/installations/new`];
  if (found.isSuspended) return [`The App is suspended there. Its owner can let it in again: ${found.url}`];
  // NB: what the App itself lacks nobody can accept.
  const asked = lackingRights(found.permissions, wanted).filter(
    (right) => !lackingRights(permissions, wanted).includes(right),
  );
  return asked.length === 0
    ? []
    : [`Its owner has not accepted what the App asks for (${asked.join(", ")}). Accept it: ${found.url}`];
}
