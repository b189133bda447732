import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Clock, Ring } from "../ports.ts";
import type { Changes } from "../web/changes.ts";
import type { Signs } from "../web/health.ts";
import type { WebListener } from "../web/listener.ts";
import type { Meters } from "../web/meters.ts";

/** What every part is made from. */
export type Site = {
  config: Config;
  clock: Clock;
  log: Logger;
  ring: Ring;
  onClose: OnClose;
  /** Aborted when Mayfly begins to close. */
  closing: AbortSignal;
  changes: Changes;
  meters: Meters;
  signs: Signs;
  open: WebListener | undefined;
};

/** Adds something to be ended when Mayfly closes; the last that was added ends first. */
export type OnClose = (close: () => unknown) => void;

export const repositoriesOf = ({ config }: Site) => config.catalogue.repositories.map(({ name }) => name);
