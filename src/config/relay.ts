import type { Env } from "./secrets.ts";
import { ADDRESS } from "./units.ts";

/** Payloads of private repositories, or credentials, travel over it. NB: plain http is for what runs on this machine. */
export const isSafe = (url: string): boolean =>
  /^https:|^http:\/\/(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?:[:/]|$)/.test(url);

/** What is wrong with a relay's address, as the rest of a sentence. */
export function relayFault(url: string): string | undefined {
  if (!ADDRESS.test(url) || !URL.canParse(url)) return "must be an address, such as https://smee.io/abc.";
  if (!isSafe(url)) return "must begin with https://: the payloads of your repositories travel over it.";
  return channelOf(url) === ""
    ? "must end with the name of a channel, such as https://smee.io/abc."
    : undefined;
}

/** RELAY_URL, if it is set and right; else what the file says; else the one that was chosen when the App was made. */
export function relayUrlOf(
  { RELAY_URL }: Env,
  fileUrl: string | undefined,
  keptUrl: string | undefined,
): string | undefined {
  return RELAY_URL && relayFault(RELAY_URL) === undefined ? RELAY_URL : (fileUrl ?? keptUrl);
}

/** The part of a relay's address that is secret. */
export const channelOf = (url: string): string => new URL(url).pathname.replaceAll(/^\/|\/$/g, "");
