import type { Choice, SetupParts, Way } from "./parts.ts";

/** The form of the first step, as it was sent or as it is first shown. */
export type Form = { owner: string; org: string; name: string; way: string; relay: string };

type Known = Pick<SetupParts, "catalogue" | "intake" | "webUrl" | "publicUrl" | "relayUrl" | "relayFault">;

/** See: docs.github.com, "Registering a GitHub App": 34 characters at most. */
export const LONGEST_NAME = 34;
/** See: docs.github.com, "Username considerations". NB: accounts that a company manages have an underscore in their login. */
const LOGIN = /^[A-Za-z0-9][\w-]{0,38}$/;

/** What is most likely right. */
export function firstForm(parts: Known): Form {
  const [owner = ""] = ownersOf(parts);
  return {
    owner: "org",
    org: owner,
    name: `Mayfly of ${owner}`.slice(0, LONGEST_NAME),
    way: waysOf(parts)[0] ?? "smee",
    relay: "",
  };
}

/** Accounts whose repositories are served. */
export const ownersOf = ({ catalogue }: Pick<SetupParts, "catalogue">): string[] => [
  ...new Map(
    catalogue.repositories.map(({ name }) => [name.split("/")[0]?.toLowerCase(), name.split("/")[0] ?? ""]),
  ).values(),
];

/** The ways that webhooks can come, the best first. */
export function waysOf({ intake, publicUrl, relayUrl, webUrl }: Known): string[] {
  if (intake === "poll") return ["none"];
  const direct = directFault(publicUrl, webUrl) === undefined ? ["direct"] : [];
  if (relayUrl !== undefined) return ["set", ...direct];
  // NB: who has a GitHub server of their own may not want others to read what it tells.
  return [...direct, ...(isGitHubsOwn(webUrl) ? ["smee", "relay"] : ["relay", "smee"])];
}

/** Why GitHub cannot send webhooks to web.url; nothing if it may be that it can. */
export function directFault(publicUrl: string | undefined, webUrl: string): string | undefined {
  if (publicUrl === undefined)
    return "web.url in mayfly.yml is not set. Set it to the address at which GitHub reaches this machine, and begin again.";
  const { hostname } = new URL(publicUrl);
  if (!isNear(hostname) || !isGitHubsOwn(webUrl)) return undefined;
  return `web.url in mayfly.yml is ${publicUrl}, which GitHub cannot reach from the internet. Take a relay.`;
}

/** In the internet, not in a network of the operator's. See: docs.github.com, "About GitHub Enterprise Cloud with data residency". */
function isGitHubsOwn(webUrl: string): boolean {
  const { hostname } = new URL(webUrl);
  return hostname === "github.com" || hostname.endsWith(".ghe.com");
}

/** This machine, or a private network. See: RFC 1918. */
const isNear = (host: string): boolean =>
  /^(?:localhost|127\.[\d.]+|10\.[\d.]+|192\.168\.[\d.]+|172\.(?:1[6-9]|2\d|3[01])\.[\d.]+|\[::1\])$/.test(
    host,
  );

/** What the person wants, or what is wrong with it, one sentence each. */
export async function readChoice(
  form: Form,
  parts: Known & Pick<SetupParts, "newChannel" | "log">,
): Promise<{ choice: Choice } | { faults: string[] }> {
  const name = form.name.trim();
  const org = form.org.trim();
  const faults = [
    ...(form.owner === "org" && !LOGIN.test(org)
      ? ["The organisation must be its name in addresses: letters, digits and -, at most 39 characters."]
      : []),
    ...(name === "" || name.length > LONGEST_NAME || /\p{Cc}/u.test(name)
      ? [`The App's name must have 1 to ${LONGEST_NAME} characters.`]
      : []),
    ...wayFaults(form, parts),
  ];
  if (faults.length > 0) return { faults };
  const way = await wayOf(form, parts);
  if (typeof way === "string") return { faults: [way] };
  return { choice: { name, org: form.owner === "org" ? org : undefined, way } };
}

function wayFaults({ way, relay }: Form, parts: Known): string[] {
  if (way === "direct" && !waysOf(parts).includes(way))
    return [directFault(parts.publicUrl, parts.webUrl) ?? "mayfly.yml wants no webhook."];
  if (!waysOf(parts).includes(way)) return ["Say how webhooks are to reach Mayfly."];
  const fault = way === "relay" ? parts.relayFault(relay.trim()) : undefined;
  return fault === undefined ? [] : [`The relay's address ${fault}`];
}

/** Or why there is none. NB: smee.io is asked for a channel only when the person has chosen that. */
async function wayOf(
  { way, relay }: Form,
  { newChannel, relayFault, log }: Parameters<typeof readChoice>[1],
): Promise<Way | string> {
  if (way === "relay") return { kind: "relay", url: relay.trim() };
  if (way !== "smee") return { kind: way as "direct" | "set" | "none" };
  try {
    const url = await newChannel();
    if (relayFault(url) === undefined) return { kind: "relay", url };
  } catch (err) {
    log.warn({ err }, "smee.io gave no channel");
  }
  return "smee.io gave no channel. Try again; or open https://smee.io/new in your browser, and enter the address of the channel under Another relay.";
}
