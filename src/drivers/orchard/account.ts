import { readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import { SetupError } from "../../ports.ts";

/** Who we are at Orchard's controller, and in its VMs. Secret. */
export type Account = {
  name: string;
  token: string;
  /** Of the account in the VMs that Orchard signs in with. */
  vmPassword: string;
};

export type Env = Readonly<Record<string, string | undefined>>;

/** See: openai/orchard, docs; the last one is ours. */
const VARIABLES = {
  name: "ORCHARD_SERVICE_ACCOUNT_NAME",
  token: "ORCHARD_SERVICE_ACCOUNT_TOKEN",
  vmPassword: "ORCHARD_VM_PASSWORD",
} as const;

/** Reads the account out of the file, or out of the environment if there is no file. Throws `SetupError`. */
export function readAccount(file: string | undefined, env: Env): Account {
  const place = file ?? "the environment of the service";
  const values: Env = file === undefined ? env : parseEnv(readSecret(file));
  const missing = Object.values(VARIABLES).filter((variable) => !values[variable]);
  if (missing.length > 0) throw new SetupError(`${missing.join(" and ")} must be set in ${place}.`);
  return {
    name: values[VARIABLES.name] ?? "",
    token: values[VARIABLES.token] ?? "",
    vmPassword: values[VARIABLES.vmPassword] ?? "",
  };
}

function readSecret(file: string): string {
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw new SetupError(`Others can read the token in ${file}. Run: chmod 600 ${file}`);
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof SetupError) throw cause;
    throw new SetupError(`${file} cannot be read (${cause instanceof Error ? cause.message : cause}).`, {
      cause,
    });
  }
}

export const secretsOf = ({ name, token, vmPassword }: Account): string[] => [
  token,
  vmPassword,
  Buffer.from(`${name}:${token}`).toString("base64"),
];
