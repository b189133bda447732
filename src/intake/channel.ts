import { SmeeClient } from "smee-client";
import { withLimit } from "../clock.ts";
import type { Clock } from "../ports.ts";

const LIMIT_MS = 20_000;

/** A new channel of a smee server: its address, which whoever listens has to know. Throws when there is none to be had. */
export const newChannel = (server: string, clock: Clock): Promise<string> =>
  withLimit(clock, LIMIT_MS, () => SmeeClient.createChannel({ newChannelUrl: `${server}/new` }));
