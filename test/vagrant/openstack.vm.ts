import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";

/**
 * The Vagrantfile's block for a cloud, read by the real Vagrant with a stand-in for vagrant-openstack-provider, which has that one's faults.
 * The plug-in itself cannot be had from a package registry here, so it was not run.
 */

const FILES = resolve("vagrant");
const PLUGIN = resolve(import.meta.dirname, "openstack-plugin");
const VARIABLES = {
  OS_AUTH_URL: "https://cloud.example.org:5000/v3",
  OS_USERNAME: "spinw",
  OS_PASSWORD: "hunter2",
  OS_PROJECT_NAME: "SpinW_CI",
};

type Server = Record<string, string>;

/** A folder with a machine's order, and the real Vagrant in it. `mended: false`: without what mends the plug-in. */
async function newMachine({ mended = true } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-old-way-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);
  // NB: for Ruby the file has been read then.
  const mend = mended ? "" : `$LOADED_FEATURES << "${FILES}/openstack.rb"\n`;
  await writeFile(
    file("Vagrantfile"),
    `${mend}$LOAD_PATH.unshift "${PLUGIN}"\nrequire "vagrant-openstack-provider"\nload "${FILES}/Vagrantfile"\n`,
  );
  const order = {
    ...{
      name: "mayfly-test-old-aaaaaaaa",
      guest: "linux",
      box: { name: "mayfly/old" },
      cpus: 1,
      memoryMiB: 512,
    },
    ...{ bootSeconds: 60, console: file("console.log"), openstack: { userData: file("user-data") } },
  };
  await writeFile(file("order.json"), JSON.stringify(order));
  await writeFile(file("user-data"), "MAYFLYSEED1\n{}\n");
  await writeFile(file("cloud.json"), "{}");
  const env = {
    ...VARIABLES,
    VAGRANT_HOME: file("home"),
    VAGRANT_CWD: folder,
    VAGRANT_DOTFILE_PATH: file("dot"),
    VAGRANT_CHECKPOINT_DISABLE: "1",
    MAYFLY_MACHINE: file("order.json"),
    STUB_CLOUD: file("cloud.json"),
  };
  const vagrant = (args: readonly string[], more: Record<string, string> = {}) =>
    execa("vagrant", args, { reject: false, all: true, env: { ...env, ...more } });
  await addBox(folder, vagrant);
  return {
    folder,
    up: (status = "ACTIVE") => vagrant(["up", "--provider", "openstack"], { STUB_STATUS: status }),
    destroy: () => vagrant(["destroy", "--force"]),
    state: async () => {
      const { stdout } = await vagrant(["status", "--machine-readable"]);
      return /,state,(.+)$/m.exec(stdout)?.[1];
    },
    servers: async (): Promise<Server[]> =>
      Object.values(JSON.parse(await readFile(file("cloud.json"), "utf8"))),
    forget: () => writeFile(file("cloud.json"), "{}"),
  };
}

/** A box as the plug-in has them: no disk, and a Vagrantfile that says what is on the cloud. See: vagrant/README.md. */
async function addBox(folder: string, vagrant: (args: readonly string[]) => Promise<unknown>): Promise<void> {
  const box = join(folder, "box");
  await mkdir(box);
  await writeFile(join(box, "metadata.json"), '{"provider": "openstack"}');
  const settings = 'cloud.image = "matlab_linux"\ncloud.flavor = "m3.small"\ncloud.networks = ["mayfly"]';
  await writeFile(
    join(box, "Vagrantfile"),
    `Vagrant.configure("2") do |config|\nconfig.vm.provider "openstack" do |cloud|\n${settings}\nend\nend\n`,
  );
  await execa("tar", ["-czf", join(folder, "old.box"), "-C", box, "metadata.json", "Vagrantfile"]);
  await vagrant(["box", "add", "--name", "mayfly/old", join(folder, "old.box")]);
}

test("a server is made of what the box says, as the machine, with its seed, and told by its state", async () => {
  const machine = await newMachine();

  const { exitCode, all } = await machine.up();

  expect(exitCode, all).toBe(0);
  expect(await machine.servers()).toMatchObject([
    {
      server_name: "mayfly-test-old-aaaaaaaa",
      image: "matlab_linux",
      flavor: "m3.small",
      networks: ["mayfly"],
      user_data: "MAYFLYSEED1\n{}\n",
      openstack_auth_url: VARIABLES.OS_AUTH_URL,
      username: "spinw",
    },
  ]);
  expect(await machine.state()).toBe("running");
});

test("a server is destroyed when its user data are no longer there", async () => {
  const machine = await newMachine();
  await machine.up();
  await rm(join(machine.folder, "user-data"));

  const { exitCode, all } = await machine.destroy();

  expect(exitCode, all).toBe(0);
  expect(await machine.servers()).not.toContainEqual(expect.objectContaining({ status: "ACTIVE" }));
  expect(await machine.state()).toBe("not_created");
});

test("a server in ERROR is destroyed, and is forgotten then", async () => {
  const machine = await newMachine();
  expect((await machine.up("ERROR")).exitCode).toBe(1);

  const { exitCode, all } = await machine.destroy();

  expect(exitCode, all).toBe(0);
  expect(await machine.servers()).toEqual([]);
  expect(await machine.state()).toBe("not_created");
});

test("a server that somebody else has deleted is not created, and its destroy succeeds", async () => {
  const machine = await newMachine();
  await machine.up();
  await machine.forget();

  const { exitCode, all } = await machine.destroy();

  expect(exitCode, all).toBe(0);
  expect(await machine.state()).toBe("not_created");
});

test("the stand-in has the faults that are mended", async () => {
  const machine = await newMachine({ mended: false });
  await machine.up();
  const state = await machine.state();
  await machine.destroy();
  const failing = await newMachine({ mended: false });
  await failing.up("ERROR");

  const first = await failing.destroy();
  const again = await failing.destroy();

  expect(state).toBe("active");
  expect([first.exitCode, again.exitCode], `${first.all}${again.all}`).toEqual([1, 1]);
  expect(again.all).toContain("Instance not found");
});
