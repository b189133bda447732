import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { type EmulatedGitHub, startGitHub } from "./server.ts";
import { newSecret } from "./world.ts";

/** The emulated GitHub as a process of its own, until SIGTERM or SIGINT. `client.ts` drives it. */

const USAGE = `usage: node test/rig/github/main.ts --credentials FILE [options]

  --credentials FILE   where the app's credentials are kept (mode 600): read if it exists, made if not.
                       The file is complete as soon as the emulator answers.
  --host HOST          address to listen on (127.0.0.1)
  --port PORT          port to listen on (any)
  --public-url URL     base address that runners are told, if they reach the emulator by another way
  --webhook-url URL    where webhooks go
  --repository NAME    owner/name of a repository with the app installed; may be repeated`;

const Credentials = z.object({ appId: z.int(), privateKey: z.string(), webhookSecret: z.string() });

export type Credentials = z.infer<typeof Credentials> & { url: string; apiUrl: string };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      credentials: { type: "string" },
      host: { type: "string" },
      port: { type: "string" },
      "public-url": { type: "string" },
      "webhook-url": { type: "string" },
      repository: { type: "string", multiple: true },
      help: { type: "boolean" },
    },
  });
  const file = values.credentials;
  if (values.help || file === undefined) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const known = existsSync(file) ? Credentials.parse(JSON.parse(readFileSync(file, "utf8"))) : undefined;
  const secret = known?.webhookSecret ?? newSecret("");
  const github = await startGitHub({
    host: values.host,
    port: values.port === undefined ? undefined : Number(values.port),
    publicUrl: values["public-url"],
    webhook: values["webhook-url"] === undefined ? undefined : { url: values["webhook-url"], secret },
    app: known && { id: known.appId, privateKey: known.privateKey },
  });
  for (const name of values.repository ?? []) github.addRepository(name);
  keep(file, github, secret);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void github.close());
  console.log(`emulated GitHub: ${github.url}`);
}

function keep(file: string, { url, apiUrl, app }: EmulatedGitHub, webhookSecret: string): void {
  const credentials: Credentials = { url, apiUrl, appId: app.id, privateKey: app.privateKey, webhookSecret };
  writeFileSync(file, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
}

await main();
