import type { OutsideParts } from "../control/overview.ts";
import type { VerbParts } from "../control/verbs.ts";
import type { MachineName } from "../core/types.ts";
import type { GitHub, SignIn, Store } from "../ports.ts";
import type { Changes } from "./changes.ts";
import type { RightsParts } from "./rights.ts";

/** What the pages are made from. */
export type PagesParts = VerbParts &
  OutsideParts & {
    store: Pick<
      Store,
      "record" | "state" | "history" | "settingsHistory" | "findJob" | "findMachine" | "lately"
    >;
    github: RightsParts["github"] & Pick<GitHub, "job" | "run" | "rerunRun">;
    /** Left out: nobody can sign in. */
    signIn: SignIn | undefined;
    /** Where people's browsers find the pages. */
    publicUrl: string | undefined;
    /** Base address of GitHub's pages. */
    webUrl: string;
    operators: readonly string[];
    /** Signs cookies. */
    key: string;
    /** What there is of a machine's logs, by file name. */
    filesOf: (machine: { name: MachineName; host: string | undefined }) => Promise<Record<string, string>>;
    changes: Pick<Changes, "count" | "next">;
    /** Ends what is sent to browsers without an end of its own. */
    closing: AbortSignal;
  };
