import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBench } from "../openstack/bench.ts";
import { openRoot, type Root } from "./root.ts";
import { readSource, sourcesOf } from "./sources.ts";

const CLOUD_CONFIG = "#cloud-config\n";
/** What cloud-init itself takes user data for: one content type for each part. */
const TYPES = `
import sys
from cloudinit import user_data
from cloudinit.helpers import Paths
message = user_data.UserDataProcessor(Paths({})).process(open(sys.argv[1], "rb").read())
print("\\n".join(part.get_content_type() for part in message.walk() if part.get_content_maintype() != "multipart"))`;

describe("cloud-init, as Debian has it,", () => {
  let root: Root;

  beforeAll(async () => {
    root = await openRoot();
    await root.put("tmp/mayfly/content-types.py", TYPES);
    const { exitCode, all } = await root.step("70-boot.sh", { MAYFLY_CLOUD_INIT: "keep" });
    expect(exitCode, all).toBe(0);
  });
  afterAll(() => root.close());

  const check = (path: string) => root.run(["cloud-init", "schema", "--config-file", path]);

  test("knows every setting that an image gives it", async () => {
    const settings = await root.read("etc/cloud/cloud.cfg.d/99-mayfly.cfg");
    // NB: its documentation has `users: []` for no user at all; the schema of 22.4 wants one at least
    const others = settings.replace("users: []\n", "");
    await root.put("tmp/settings", `${CLOUD_CONFIG}${others}`);

    const { all, exitCode } = await check("/tmp/settings");

    expect(exitCode, all).toBe(0);
    expect(all).toContain("Valid cloud-config");
    expect(others).not.toBe(settings);
  });

  test("would refuse one that is wrong", async () => {
    await root.put("tmp/wrong", `${CLOUD_CONFIG}users: 5\n`);

    expect((await check("/tmp/wrong")).exitCode).not.toBe(0);
  });

  test("knows all that our templates of user data say", async () => {
    const files = await sourcesOf("");
    const texts = await Promise.all(
      files.map(async (file) => ({ file, text: await readSource(file).catch(() => "") })),
    );
    const faults: string[] = [];
    for (const { file, text } of texts.filter(({ text }) => text.startsWith(CLOUD_CONFIG))) {
      await root.put("tmp/user-data", text);
      const { exitCode, all } = await check("/tmp/user-data");
      if (exitCode !== 0) faults.push(`${file}: ${all}`);
    }

    expect(faults).toEqual([]);
  });

  test("looks at a config drive and nowhere else, in an image", async () => {
    const { stdout } = await root.run([
      ...["python3", "-c"],
      "from cloudinit import util; print(util.read_conf_with_confd('/etc/cloud/cloud.cfg')['datasource_list'])",
    ]);

    expect(stdout).toBe("['ConfigDrive', 'NoCloud', 'None']");
  });

  test("takes the user data of a build for a script, and not for settings", async () => {
    const bench = await openBench();
    await bench.tell("console", "MAYFLY-BUILD failed: a test");
    await bench.run("build-on-cloud.sh", [
      ...["--family", "linux", "--image", "debian-12", "--flavor", "m1.small", "--network", "net"],
    ]);
    await writeFile(join(root.folder, "tmp/packed"), await readFile(join(bench.folder, "state/user-data")));

    expect((await root.run(["python3", "/tmp/mayfly/content-types.py", "/tmp/packed"])).stdout).toBe(
      "text/x-shellscript",
    );
  });

  test("takes a machine's seed for nothing", async () => {
    await root.put("tmp/seed", "MAYFLYSEED1\n{}\n");

    const { stdout, all } = await root.run(["python3", "/tmp/mayfly/content-types.py", "/tmp/seed"]);

    expect(stdout, all).toBe("text/x-not-multipart");
  });
});
