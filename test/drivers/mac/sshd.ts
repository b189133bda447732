import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, vi } from "vitest";

/** A real sshd on loopback that stands in for a Mac's. */
export type Sshd = { port: number; pid: number };

const SSHD = "/usr/sbin/sshd";

/** Starts one whose files are in the folder. `command`: what a key is good for there; see sshd(8), "AUTHORIZED_KEYS FILE FORMAT". */
export async function startSshd(folder: string, command: string): Promise<Sshd> {
  const port = await freePort();
  for (const name of ["host_key", "key"])
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "mayfly", "-f", join(folder, name)]);
  const [hostKey, key] = await Promise.all(
    ["host_key.pub", "key.pub"].map((name) => readFile(join(folder, name), "utf8")),
  );
  await writeFile(join(folder, "authorized_keys"), `command="${command}",restrict ${key}`);
  await writeFile(join(folder, "known_hosts"), `[127.0.0.1]:${port} ${hostKey}`);
  await writeFile(join(folder, "sshd_config"), configOf(folder, port));
  // NB: OpenSSH of Debian looks for it, and the package's own service makes it when it starts.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  return await restartSshd(folder, port);
}

export async function restartSshd(folder: string, port: number): Promise<Sshd> {
  const log = openSync(join(folder, "sshd.log"), "a");
  const child = spawn(SSHD, ["-D", "-e", "-f", join(folder, "sshd_config")], {
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  await vi.waitFor(async () => expect(await answers(port)).toBe(true), { timeout: 10_000 });
  return { port, pid: child.pid ?? 0 };
}

const configOf = (folder: string, port: number): string =>
  [
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    `HostKey ${join(folder, "host_key")}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    // NB: the tests' own user may be root; a key with a command is the only way in.
    "PermitRootLogin forced-commands-only",
    "",
  ].join("\n");

/** Who the tests run as is who the key lets in. */
export const sshUser = (): string => userInfo().username;

/** Ends the server and its connections, as a Mac that loses its network. */
export async function endSshd({ pid }: Sshd): Promise<void> {
  for (const one of [pid, ...(await sshdsBelow(pid))]) endIfThere(one);
}

/** Ends the connections, and lets the server live. */
export async function endConnections({ pid }: Sshd): Promise<void> {
  for (const one of await sshdsBelow(pid)) endIfThere(one);
}

/** Processes that serve a connection. */
export const connectionsOf = ({ pid }: Sshd): Promise<number[]> => sshdsBelow(pid);

async function sshdsBelow(pid: number): Promise<number[]> {
  const { stdout } = await execa({ reject: false })("pgrep", ["-P", String(pid)]);
  const children = stdout.split("\n").filter(Boolean).map(Number);
  const deeper = await Promise.all(children.map(sshdsBelow));
  const all = [...children, ...deeper.flat()];
  const commands = await Promise.all(
    all.map(async (one) => ({ one, line: await readFile(`/proc/${one}/cmdline`, "utf8").catch(() => "") })),
  );
  return commands.filter(({ line }) => line.startsWith("sshd")).map(({ one }) => one);
}

export function endIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
