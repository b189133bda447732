import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type Body, entriesOf, parseFile, scriptsOf, type Template, templates } from "./hcl.ts";
import {
  boxOptions,
  CLOUD_OPTIONS,
  copyOf,
  copyOfBoxes,
  packer,
  reducedCloud,
  reducedWindows,
  validate,
  WINDOWS_OPTIONS,
} from "./packer.ts";
import { PROJECT, sourcesOf } from "./sources.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const SECRET = /password|secret|token|key$/;

let all: Template[];
beforeAll(async () => {
  all = await templates();
});

describe("Packer itself, as old as Debian has it", () => {
  // NB: Debian's Packer refuses `required_plugins` even when it only looks at the syntax, so they are in a file of their own.
  test("understands the syntax of every template", async () => {
    const said = await Promise.all(
      all.map(async ({ folder }) => validate(await copyOf(folder), ["-syntax-only"])),
    );

    expect(said).toEqual(all.map(() => "Syntax-only check passed. Everything looks okay."));
  });

  test("finds nothing wrong with the template of Windows, but for what is newer than it", async () => {
    const folder = await reducedWindows();

    // NB: it says nothing when all is well
    expect(await validate(folder, WINDOWS_OPTIONS)).toBe("");
  });

  test.each([
    ["disk_discard", "disk_diskard"],
    ["efi_drop_efivars", "efi_drop_efivarz"],
    ["gfx_vram_size", "gfx_wram_size"],
  ])("would find a field there that is misspelt, as %s", async (right, wrong) => {
    const folder = await reducedWindows((text) => text.replace(right, wrong));

    expect(await validate(folder, WINDOWS_OPTIONS)).toContain(
      `An argument named "${wrong}" is not expected here.`,
    );
  });

  test("finds nothing wrong with the template of Vagrant's boxes", async () => {
    expect(await validate(await copyOfBoxes(), await boxOptions())).toBe("");
  });

  test("finds nothing wrong with how a cloud's image is made here, but for what is newer than it", async () => {
    expect(await validate(await reducedCloud(), CLOUD_OPTIONS)).toBe("");
  });

  test("would find a field in these that is misspelt", async () => {
    const misspelt = (text: string) => text.replaceAll("headless", "headlass");
    const boxes = await validate(await copyOfBoxes(misspelt), await boxOptions());
    const cloud = await validate(await reducedCloud(misspelt), CLOUD_OPTIONS);

    expect(boxes).toContain('An argument named "headlass" is not expected here.');
    expect(cloud).toContain('An argument named "headlass" is not expected here.');
  });
});

describe("every template", () => {
  test("asks for plug-ins of one version each", () => {
    const loose = all.flatMap(({ plugins }) =>
      [...plugins].filter(([, { version }]) => !/^= \d+\.\d+\.\d+$/.test(String(version))),
    );

    expect(all.filter(({ plugins }) => plugins.size === 0).map(({ folder }) => folder)).toEqual([]);
    expect(loose).toEqual([]);
  });

  test("has no secret in it: variables that hold one have no value, and are hidden from logs", () => {
    const secrets = all.flatMap(({ folder, variables }) =>
      [...variables].filter(([name]) => SECRET.test(name)).map(([name, body]) => ({ folder, name, ...body })),
    );

    expect(secrets.map(({ name }) => name)).toContain("build_password");
    expect(
      secrets.filter((body) => "default" in body && body.default !== "" && body.default !== null),
    ).toEqual([]);
    expect(secrets.filter((body) => !("sensitive" in body))).toEqual([]);
  });

  test("signs in with a password that is handed in, or made anew for each build", () => {
    const literal = all.flatMap(({ folder, sources, locals }) =>
      [...sources].flatMap(([name, body]) =>
        entriesOf(body)
          .filter(([key, value]) => /password$/.test(key) && !isHandedIn(String(value), locals))
          .map(([key]) => `${folder}: ${name} ${key}`),
      ),
    );

    expect(literal).toEqual([]);
  });

  test("names scripts that are there", async () => {
    const scripts = all.flatMap(scriptsOf);
    const found = await Promise.all(
      scripts.map((path) => stat(join(PROJECT, path)).then((file) => file.isFile())),
    );

    expect(scripts.length).toBeGreaterThan(5);
    expect(found).toEqual(scripts.map(() => true));
  });

  test("takes no medium without a digest", () => {
    const open = all.flatMap(({ folder, sources }) =>
      [...sources]
        .filter(
          ([, body]) =>
            "iso_url" in body &&
            !/^\$\{(var\.\w+|local\.\w+\.digest)\}$|^sha256:|^file:/.test(String(body.iso_checksum)),
        )
        .map(([name]) => `${folder} ${name}`),
    );

    expect(open).toEqual([]);
  });

  test("has a variable for each one that it uses, and uses each one that it has", async () => {
    const wrong = await Promise.all(all.map(strayVariables));

    expect(wrong.flat()).toEqual([]);
  });
});

describe("the template of Windows", () => {
  test("runs its scripts in the order of their numbers, and seals last of all", async () => {
    const windows = templateOf("packer_windows");
    const numbers = scriptsOf(windows).map((path) => Number(basename(path).slice(0, 2)));
    const { stdout } = await packer(["inspect", ...WINDOWS_OPTIONS, await reducedWindows()]);
    const kinds = /provisioners:\n\n([\s\S]*?)\n\n/
      .exec(stdout)?.[1]
      ?.split("\n")
      .map((line) => line.trim());

    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(scriptsOf(windows).at(-1)).toBe("packer_windows/scripts/90-seal.ps1");
    expect(kinds?.at(-1)).toBe("powershell");
  });

  // See: PowerShell/Win32-OpenSSH 2018: Packer takes the end of its scp for a failure.
  test("copies files by sftp, whatever it is built with", () => {
    const { sources } = templateOf("packer_windows");
    const methods = [...sources].map(([name, body]) => [name, body.ssh_file_transfer_method]);

    expect(methods).toEqual([
      ["qemu.windows", "sftp"],
      ["virtualbox-iso.windows", "sftp"],
    ]);
  });

  // NB: the answer files make partitions for UEFI, and the box's VMs boot by it.
  test("boots by UEFI, whatever it is built with", () => {
    const { sources } = templateOf("packer_windows");

    expect(sources.get("qemu.windows")).toMatchObject({
      ...{
        efi_boot: true,
        efi_drop_efivars: true,
        vtpm: expect.stringContaining("var.tpm"),
        machine_type: "q35",
      },
    });
    expect(sources.get("virtualbox-iso.windows")).toMatchObject({ firmware: "efi" });
  });

  test("runs every numbered script, here or at the first logon", async () => {
    const windows = templateOf("packer_windows");
    const logon = await readFile(join(PROJECT, "packer_windows/scripts/00-first-logon.ps1"), "utf8");
    const numbered = (await sourcesOf(".ps1")).filter((path) =>
      /^packer_windows\/scripts\/[1-9]\d-/.test(path),
    );
    const called = [
      ...scriptsOf(windows).map((path) => basename(path)),
      ...(logon.match(/\d\d-[\w-]+\.ps1/g) ?? []),
    ];

    expect(numbered.map((path) => basename(path)).filter((name) => !called.includes(name))).toEqual([]);
  });

  test.each(["server2022", "server2025", "windows11", "windows10", "licensed.example"])(
    "has in %s.pkrvars.hcl all that it needs, and nothing it does not know",
    async (name) => {
      const { variables } = templateOf("packer_windows");
      const values = await parseFile(`packer_windows/${name}.pkrvars.hcl`);
      const needed = [...variables].filter(([, body]) => !("default" in body)).map(([key]) => key);
      const missing = needed.filter((key) => !(key in values) && !SET_BY_BUILD.includes(key));

      expect(missing).toEqual([]);
      expect(Object.keys(values).filter((key) => !variables.has(key))).toEqual([]);
      expect(values.iso_checksum).toMatch(DIGEST);
    },
  );

  test("says in the variables of Windows 10 that nobody mends it any more", async () => {
    const values = await parseFile("packer_windows/windows10.pkrvars.hcl");

    expect(values.end_of_life).toBe("2025-10-14");
  });
});

describe("downloads", () => {
  test("of Windows' images have a digest each", async () => {
    const lock = JSON.parse(await readFile(join(PROJECT, "packer_windows/media.lock.json"), "utf8"));

    expect(Object.keys(lock)).toEqual(["virtio-win", "openssh", "git", "powershell", "cloudbase-init"]);
    for (const entry of Object.values(lock))
      expect(entry).toEqual({
        version: expect.stringMatching(/^\d/),
        url: expect.stringMatching(/^https:\/\/\S+$/),
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
  });
});

const isHandedIn = (value: string, locals: Body): boolean =>
  /^\$\{(var\.\w+|uuidv4\(\))\}$/.test(value) ||
  [...value.matchAll(/^\$\{local\.(\w+)\}$/g)].some(([, name = ""]) => isHandedIn(String(locals[name]), {}));

/** Given by build.sh, and by nobody else. */
const SET_BY_BUILD = ["build_password", "cd_folder", "output_folder", "target"];

const templateOf = (folder: string): Template => {
  const found = all.find((template) => template.folder === folder);
  if (!found) throw new Error(`there is no template in ${folder}`);
  return found;
};

async function strayVariables({ folder, files, variables }: Template): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(join(PROJECT, file), "utf8")));
  const helpers = await Promise.all(
    (await sourcesOf(".sh"))
      .filter((file) => file.startsWith(`${folder}/`))
      .map((file) => readFile(join(PROJECT, file), "utf8")),
  );
  const used = new Set(
    texts.flatMap((text) => [...text.matchAll(/\bvar\.(\w+)/g)].map(([, name]) => String(name))),
  );
  const byScripts = new Set(
    helpers.flatMap((text) => [...text.matchAll(/\bvalue\[(\w+)\]/g)].map(([, name]) => String(name))),
  );
  return [
    ...[...used].filter((name) => !variables.has(name)).map((name) => `${folder}: var.${name} is none`),
    ...[...variables.keys()]
      .filter((name) => !used.has(name) && !byScripts.has(name))
      .map((name) => `${folder}: nobody uses ${name}`),
  ];
}
