import type { RepoName } from "../core/types.ts";

/** What the App is at GitHub. */
export type AppSeen = {
  slug: string;
  owner: { login: string; isOrganization: boolean };
  permissions: Readonly<Record<string, string>>;
  events: readonly string[];
  hook: { url: string | undefined; contentType: string | undefined; hasSecret: boolean };
  /** By GitHub's own clock; undefined: it did not say. */
  at: number | undefined;
};

/** The App on an account. `url`: where its owner looks after it. */
export type InstallationSeen = {
  url: string;
  isSuspended: boolean;
  permissions: Readonly<Record<string, string>>;
  events: readonly string[];
};

/** How the App is set up at GitHub, for who looks whether all is right. Throws as `GitHub` does. */
export type AppSetup = {
  app(signal: AbortSignal): Promise<AppSeen>;
  installation(repo: RepoName, signal: AbortSignal): Promise<InstallationSeen | "none">;
};

/** An App that was just made, with all that it is trusted with: secret. `pageUrl`: where people find it at GitHub. */
export type MadeApp = {
  appId: number;
  slug: string;
  pageUrl: string;
  clientId: string;
  clientSecret: string;
  /** None where no webhook comes in. */
  webhookSecret?: string | undefined;
  /** PEM. */
  privateKey: string;
};

/** The same as the data folder keeps it, with the address of the relay that was chosen for it. */
export type KeptApp = MadeApp & { relayUrl?: string | undefined };

/** What is asked for a new App. `org`: left out for one's own account. */
export type AppOrder = {
  name: string;
  org: string | undefined;
  /** Where GitHub sends webhooks; left out: nowhere. */
  hookUrl: string | undefined;
  /** Where the browser comes back to when the App is made. */
  redirectUrl: string;
};

/** Making an App from a manifest. */
export type AppMaking = {
  /** The form that a browser sends: to which address, and what. */
  form(order: AppOrder, state: string): { action: string; manifest: string };
  /**
   * Gives the App's credentials for the code that the browser came back with. `refused`: the code is none, or not good any more.
   * Throws `GitHubUnavailable` when GitHub could not be asked.
   */
  redeem(code: string, signal: AbortSignal): Promise<MadeApp | "refused">;
};
