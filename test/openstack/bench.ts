import { createHash } from "node:crypto";
import { access, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { onTestFinished } from "vitest";

const SCRIPTS = resolve(import.meta.dirname, "../../openstack");

/** What the stand-in can be told to do wrong. See: stubs/openstack. */
type Trouble = "fail" | "lost" | "hang" | "spoil" | "console" | "status" | "keep";

export type CloudThing = {
  id: string;
  name: string;
  owner: string;
  status: string;
  tags: string[];
  properties: Record<string, string>;
  checksum: string;
  created_at: string;
  image?: string;
};

export const OWNER = "1".repeat(32);

export type Bench = Awaited<ReturnType<typeof openBench>>;

/** The scripts of `openstack/` with a stand-in for the `openstack` command, whose cloud is a folder. */
export async function openBench() {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-cloud-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const state = join(folder, "state");
  await mkdir(state);
  await mkdir(join(folder, "bin"));
  await cp(join(import.meta.dirname, "stubs/openstack"), join(folder, "bin/openstack"));
  const env = { PATH: `${join(folder, "bin")}:${process.env.PATH}`, MAYFLY_POLL_SECONDS: "0.1" };
  let made = 0;

  const has = async (kind: "image" | "server" | "port" | "group"): Promise<CloudThing[]> => {
    const files = await readdir(join(state, kind)).catch(() => []);
    return Promise.all(
      files.map(async (file) => JSON.parse(await readFile(join(state, kind, file), "utf8"))),
    );
  };

  return {
    folder,
    /** Runs a script; an exit code other than 0 is an answer. */
    run: (
      script: string,
      args: readonly string[],
      options: { detached?: boolean; env?: Record<string, string> } = {},
    ) => execa(join(SCRIPTS, script), args, { reject: false, ...options, env: { ...env, ...options.env } }),
    tell: (file: Trouble, text: string) => writeFile(join(state, file), text && `${text}\n`),
    /** What the cloud has. */
    has,
    /** Puts an image into the cloud behind everybody's back. */
    put: async (parts: Partial<CloudThing>) => {
      made += 1;
      const image = imageOf(made, parts);
      await mkdir(join(state, "image"), { recursive: true });
      await writeFile(join(state, "image", `${image.id}.json`), JSON.stringify(image));
      return image;
    },
    calls: async () =>
      (await readFile(join(state, "calls"), "utf8").catch(() => "")).split("\n").slice(0, -1),
    file: async (name: string, content: string) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    },
    hangs: () =>
      access(join(state, "hangs")).then(
        () => true,
        () => false,
      ),
  };
}

const imageOf = (count: number, parts: Partial<CloudThing>): CloudThing => ({
  id: `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`,
  name: `image-${count}`,
  owner: OWNER,
  status: "active",
  tags: [],
  checksum: createHash("md5").update(String(count)).digest("hex"),
  created_at: `2026-11-01T00:00:${String(count).padStart(2, "0")}Z`,
  ...parts,
  properties: { mayfly_runner_version: "2.337.0", ...parts.properties },
});
