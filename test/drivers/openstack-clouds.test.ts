import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Cloud, readCloud } from "../../src/drivers/openstack/clouds.ts";

type Files = { cwd?: string; config?: string; secure?: string };

/** Reads a cloud where these files are: clouds.yaml of the working folder and of ~/.config, and secure.yaml of the latter. */
async function read(files: Files, env: Record<string, string> = {}, wanted?: string): Promise<Cloud> {
  const root = await mkdtemp(join(tmpdir(), "mayfly-clouds-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const config = join(root, ".config/openstack");
  await mkdir(config, { recursive: true });
  const cwd = join(root, "work");
  await mkdir(cwd);
  if (files.cwd) await writeFile(join(cwd, "clouds.yaml"), files.cwd);
  if (files.config) await writeFile(join(config, "clouds.yaml"), files.config);
  if (files.secure) await writeFile(join(config, "secure.yaml"), files.secure);
  return readCloud(wanted, { env, cwd, home: root });
}

const credential = (id: string, more = "") => `
    auth:
      auth_url: https://keystone.example:5000/v3
      application_credential_id: ${id}
      application_credential_secret: hush${more}`;

const TWO = `clouds:\n  stfc:${credential("one")}\n  lab:${credential("two")}\n`;

const idOf = ({ identity }: Cloud): string => JSON.stringify(identity.auth);

test("the working folder's clouds.yaml comes before the one of the home", async () => {
  const cloud = await read({
    cwd: `clouds:\n  a:${credential("near")}`,
    config: `clouds:\n  a:${credential("far")}`,
  });

  expect(idOf(cloud)).toContain('"near"');
});

test("OS_CLIENT_CONFIG_FILE comes before both", async () => {
  const root = await mkdtemp(join(tmpdir(), "mayfly-clouds-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const file = join(root, "mine.yaml");
  await writeFile(file, `clouds:\n  a:${credential("mine")}`);

  const cloud = await read({ cwd: `clouds:\n  a:${credential("near")}` }, { OS_CLIENT_CONFIG_FILE: file });

  expect(idOf(cloud)).toContain('"mine"');
});

test("a cloud that is not known is refused with the names of those that are", async () => {
  await expect(read({ config: TWO }, {}, "sftc")).rejects.toThrow(
    /The cloud sftc is not known\. clouds\.yaml has: stfc, lab\./,
  );
});

test("a name that every object has is no cloud", async () => {
  await expect(read({ config: TWO }, {}, "constructor")).rejects.toThrow(/constructor is not known/);
});

test("without a name OS_CLOUD says which, else the only one is meant", async () => {
  expect((await read({ config: TWO }, { OS_CLOUD: "lab" })).name).toBe("lab");
  expect((await read({ config: `clouds:\n  only:${credential("x")}` })).name).toBe("only");
  await expect(read({ config: TWO })).rejects.toThrow(/Several clouds are known \(stfc, lab\)/);
  await expect(read({})).rejects.toThrow(/No cloud is known/);
});

test("secrets may be in secure.yaml, which is merged into the cloud of the same name", async () => {
  const cloud = await read({
    config: `clouds:\n  a:\n    auth: {auth_url: "http://k/", application_credential_id: who}\n    region_name: here`,
    secure: "clouds:\n  a:\n    auth: {application_credential_secret: deep}\n",
  });

  expect(cloud.identity.secrets).toEqual(["deep"]);
  expect(cloud).toMatchObject({ authUrl: "http://k/v3", region: "here" });
});

test("an application credential is used first, and a password where there is none", async () => {
  const both = await read({
    config: `clouds:\n  a:${credential("cred", "\n      username: u\n      password: p\n      project_name: q")}`,
  });
  const password = await read({
    config: `clouds:\n  a:\n    auth: {auth_url: "http://k", username: u, password: 1234, project_name: q, user_domain_name: stfc}`,
  });

  expect(both.identity.kind).toBe("application credential");
  expect(password.identity).toEqual({
    kind: "password",
    auth: {
      identity: {
        methods: ["password"],
        password: { user: { name: "u", domain: { name: "stfc" }, password: "1234" } },
      },
      scope: { project: { name: "q", domain: { id: "default" } } },
    },
    secrets: ["1234"],
  });
});

test("openrc's variables are a cloud of their own", async () => {
  const cloud = await read(
    {},
    {
      ...{ OS_AUTH_URL: "https://k:5000/v3/", OS_USERNAME: "u", OS_PASSWORD: "p", OS_PROJECT_ID: "pid" },
      ...{ OS_USER_DOMAIN_NAME: "Default", OS_REGION_NAME: "R", OS_INTERFACE: "internal" },
    },
  );

  expect(cloud).toMatchObject({
    name: "envvars",
    authUrl: "https://k:5000/v3",
    region: "R",
    interface: "internal",
    isVerified: true,
  });
});

test("of a list of regions the first is meant, with what it says for itself", async () => {
  const regions = "\n    regions:\n    - {name: one, values: {interface: internal}}\n    - two";

  expect(await read({ config: `clouds:\n  a:${credential("x")}${regions}` })).toMatchObject({
    region: "one",
    interface: "internal",
  });
  expect(
    await read({ config: `clouds:\n  a:${credential("x")}${regions}\n    region_name: two` }),
  ).toMatchObject({ region: "two", interface: "public" });
});

test("what is lacking is said, and no secret is", async () => {
  const faults = [
    ["clouds:\n  a: {auth: {password: hush}}", /no auth\.auth_url/],
    [`clouds:\n  a:${credential("")}`, /lacks application_credential_id/],
    ['clouds:\n  a: {auth: {auth_url: "http://k", username: u, password: hush}}', /lacks project_name/],
    [`clouds:\n  a:${credential("x")}\n    auth_type: v3oidcpassword`, /auth_type v3oidcpassword/],
    [`clouds:\n  a:${credential("x")}\n    cacert: /no/such.pem`, /cacert/],
    ["clouds:\n  a: {auth: {password: hush\n  b: ]", /is no YAML/],
    ["hush: true", /has no "clouds:"/],
  ] as const;

  for (const [config, sentence] of faults) {
    const fault = await read({ config }, {}, "a").catch((error: unknown) => error);

    expect(String(fault)).toMatch(sentence);
    expect(fault).toHaveProperty("name", "SetupError");
    expect(String(fault)).not.toContain("hush");
  }
});
