import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { readSettings } from "../../src/config.ts";
import { OS_NAMES, SYSTEMS, type System } from "../../src/core/systems.ts";
import type { Image } from "../../src/core/types.ts";
import { LIBVIRT } from "../../src/drivers/libvirt-virsh.ts";
import { type Bootstrap, vagrantOrder } from "../../src/drivers/vagrant-order.ts";
import type { StartOrder } from "../../src/ports.ts";
import { PROJECT } from "./sources.ts";

const LIBVIRT_SETTINGS = { ...LIBVIRT, pool: "default", hypervisor: "kvm", seedDisk: true };

describe("the real Vagrant loads our Vagrantfile for every image of the example catalogue", async () => {
  const images = await imagesOfExample();
  const [image] = images;
  if (!image) throw new Error("the example has no image");

  test("which has some that are in comments, too", () => {
    expect(images.map(({ name, os }) => [name, os])).toEqual([
      ...[
        ["linux", "linux"],
        ["linux-matlab", "linux"],
        ["windows", "windows"],
      ],
    ]);
  });

  test.each(images.map((one) => [one.name, one] as const))("%s", async (_, one) => {
    const said = await load(orderOf(one), []);

    expect(said).toContain("Vagrantfile validated successfully.");
  });

  // NB: VirtualBox is not here, so Vagrant is told to leave its settings alone. Other providers are plug-ins
  test("for VirtualBox, as far as Vagrant goes without it", async () => {
    const said = await load({ ...orderOf(image), virtualbox: {} }, ["--ignore-provider"], "virtualbox");

    expect(said).toContain("Vagrantfile validated successfully.");
  });

  describe.each(OS_NAMES)("and for one with the system %s", (os) => {
    test("that holds the guest program", async () => {
      const order = orderOf({ ...image, os, prepared: true });

      expect(order.bootstrap).toBeUndefined();
      expect(await load(order, [])).toContain("Vagrantfile validated successfully.");
    });

    test("that gets it by the system's own bootstrap", async () => {
      const order = orderOf({ ...image, os, prepared: false });

      expect(order.bootstrap?.script).toMatch(new RegExp(`/vagrant/bootstrap_${os}\\.(sh|ps1)$`));
      expect(await load(order, [])).toContain("Vagrantfile validated successfully.");
    });

    test("but not if there is no such bootstrap", async () => {
      const { bootstrap, ...order } = orderOf({ ...image, os, prepared: false });
      const script = `${bootstrap?.script}.none`;

      expect(await load({ ...order, bootstrap: { ...bootstrap, script } }, [])).toContain(script);
    });
  });

  test("and not for an order that lacks something", async () => {
    const { cpus: _, ...order } = orderOf(image);

    expect(await load(order, [])).toContain("key not found");
  });
});

/** With the images that stand in comments. */
async function imagesOfExample(): Promise<readonly Image[]> {
  const text = await readFile(join(PROJECT, "mayfly.example.yml"), "utf8");
  const whole = text
    .replaceAll(/^ {2}# (- name:| {2}\w+:)/gm, "  $1")
    .replaceAll('"…"', `"${"a".repeat(64)}"`);
  const folder = await mkdtemp(join(tmpdir(), "mayfly-example-"));
  try {
    await mkdir(join(folder, "boxes"));
    for (const [, file] of whole.matchAll(/ file: (boxes\/[\w.-]+)/g))
      await writeFile(join(folder, String(file)), "");
    await writeFile(join(folder, "mayfly.yml"), whole);
    return readSettings({ file: join(folder, "mayfly.yml"), env: {} }).catalogue.images;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** As the driver writes it for libvirt. */
function orderOf(image: Image) {
  const order = { name: "mayfly-lab-example-a2b3c4d5", image } as StartOrder;
  const box = { name: image.box?.name ?? "a-box-of-a-file", version: "1" };
  const bootstrap = image.prepared ? undefined : bootstrapOf(SYSTEMS[image.os]);
  return {
    ...vagrantOrder(order, { box, console: "/dev/null", bootstrap }),
    libvirt: LIBVIRT_SETTINGS,
  };
}

const bootstrapOf = ({ upload, bootstrap, shell }: System): Bootstrap => ({
  ...{ folder: join(PROJECT, "guest"), to: upload, shell, env: {} },
  script: join(PROJECT, "vagrant", bootstrap),
});

async function load(order: object, options: readonly string[], provider = "libvirt"): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-vagrantfile-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "order.json"), JSON.stringify(order));
  const { all } = await execa("vagrant", ["validate", ...options], {
    ...{ all: true, reject: false },
    env: {
      ...{
        VAGRANT_HOME: join(folder, "home"),
        VAGRANT_CWD: join(PROJECT, "vagrant"),
        VAGRANT_CHECKPOINT_DISABLE: "1",
      },
      ...{ VAGRANT_DOTFILE_PATH: join(folder, "dot"), VAGRANT_DEFAULT_PROVIDER: provider },
      MAYFLY_MACHINE: join(folder, "order.json"),
    },
  });
  return all;
}
