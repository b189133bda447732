import type { Logger } from "pino";
import type { Catalogue } from "../../core/types.ts";
import type { AppMaking, KeptApp, MadeApp } from "../../ports/app.ts";
import type { Clock } from "../../ports.ts";
import type { Sorry } from "./frame.ts";

/** What the wizard is made from. */
export type SetupParts = {
  catalogue: Catalogue;
  intake: "webhook" | "poll";
  /** Base address of GitHub's pages. */
  webUrl: string;
  /** Where people's browsers find Mayfly, as mayfly.yml says. */
  publicUrl: string | undefined;
  /** The relay that the environment or mayfly.yml names already. */
  relayUrl: string | undefined;
  making: AppMaking;
  /** The App that is there already, from an earlier set-up. */
  kept: KeptApp | undefined;
  /** Where the App is kept. */
  file: string;
  /** Both throw `SetupError`. `tryFile`: could it be kept? */
  keep: (app: KeptApp) => Promise<void>;
  tryFile: () => Promise<void>;
  /** Repositories that have the App. Throws `GitHubUnavailable`. */
  installed: (app: MadeApp, signal: AbortSignal) => Promise<readonly string[]>;
  /** Asks smee.io for a channel of our own. */
  newChannel: () => Promise<string>;
  /** What is wrong with a relay's address, as the rest of a sentence. */
  relayFault: (url: string) => string | undefined;
  /** Mayfly begins to run when the wizard is done. False: it has to be started then. */
  runsNext: boolean;
  /** There is a new address to come in by. */
  onToken: (token: string) => void;
  onDone: () => void;
  clock: Clock;
  log: Logger;
  /** Ends what is sent to browsers without an end of its own. */
  closing: AbortSignal;
};

/** What the person has chosen in the first step. */
export type Choice = {
  name: string;
  /** Undefined: one's own account. */
  org: string | undefined;
  way: Way;
};

/** How webhooks come. `set`: over the relay that is named already; `relay`: over one that was chosen here. */
export type Way = { kind: "direct" } | { kind: "set" } | { kind: "relay"; url: string } | { kind: "none" };

/** The wizard, in memory. What is to outlive it is in the file. */
export type Progress = {
  choice: Choice | undefined;
  /** Where the browser is, which is where GitHub is to send it back to. */
  address: string;
  /** A form was shown that leads to GitHub. */
  begun: { state: string; until: number } | undefined;
  /** GitHub's code, until it is redeemed. */
  code: string | undefined;
  /** The code is being redeemed, or the App kept: why that could not be done, at last. */
  settling: Promise<Sorry | undefined> | undefined;
  /** The App, until it is kept. */
  made: MadeApp | undefined;
  kept: KeptApp | undefined;
  isDone: boolean;
};
