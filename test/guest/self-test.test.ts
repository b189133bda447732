import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { copyGuest } from "./systems.ts";
import { isRoot } from "./vm.ts";

const LAYOUT = "test/rig/runner/layout";
const RUNNER = "home/runner/actions-runner";

let root: string;
let facts: Record<string, string>;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "mayfly-self-test-"));
  await chmod(root, 0o755);
  await cp(LAYOUT, join(root, RUNNER), { recursive: true });
  await copyGuest("linux", join(root, "usr/local/lib/mayfly"));
  await execa("chown", ["-R", "nobody:", join(root, "home/runner")]);
  await put("etc/mayfly/runner-version", "2.337.0-standin\n");
  facts = { mayfly_os: "debian-12", mayfly_built_at: "2026-11-01T00:00:00Z" };
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content, { mode });
}

async function selfTest(more: Record<string, string> = {}) {
  await put("etc/mayfly/image.json", JSON.stringify(facts));
  const { stdout, exitCode } = await execa(join(root, "usr/local/lib/mayfly/self-test"), {
    reject: false,
    // NB: nothing listens on port 9, and this machine's own metadata service is none of a test's business
    env: { MAYFLY_ROOT: root, MAYFLY_USER: "nobody", MAYFLY_METADATA: "http://127.0.0.1:9/", ...more },
  });
  return { said: stdout, exitCode };
}

/** A MATLAB that starts if it has a licence. */
const MATLAB = `#!/bin/sh
[ -n "$MLM_LICENSE_FILE" ] || { echo "License checkout failed."; exit 1; }
echo 2025b
`;

// It becomes the runner's user, so only root can try it.
describe.skipIf(!isRoot)("the image's test of itself", () => {
  test("says in one line what an image is that is well", async () => {
    const { said, exitCode } = await selfTest();

    expect(said).toMatch(/^MAYFLY-SELFTEST ok runner=2\.337\.0-standin guest=1 os=debian-12 free=\d+MiB$/);
    expect(exitCode).toBe(0);
  });

  test("finds all faults at once", async () => {
    await rm(join(root, RUNNER), { recursive: true });
    facts.mayfly_matlab_release = "R2025b";

    const { said, exitCode } = await selfTest();

    expect(said).toBe(
      `MAYFLY-SELFTEST failed: there is no runner in ${join(root, RUNNER)}; there is no MATLAB`,
    );
    expect(exitCode).toBe(1);
  });

  test("finds a runner of another version than was noted", async () => {
    await put("etc/mayfly/runner-version", "2.336.0\n");

    const { said } = await selfTest();

    expect(said).toContain("the runner is version 2.337.0-standin, and was noted as 2.336.0");
  });

  test("finds a runner that does not start", async () => {
    await put(`${RUNNER}/bin/Runner.Listener`, "#!/bin/false\n", 0o755);

    const { said } = await selfTest();

    expect(said).toContain("the runner does not start");
  });

  test("finds that jobs reach the cloud's metadata", async () => {
    const service = createServer((_, answer) => answer.end("a secret")).listen(0, "127.0.0.1");
    onTestFinished(() => void service.close());
    await once(service, "listening");

    const { said } = await selfTest({
      MAYFLY_METADATA: `http://127.0.0.1:${(service.address() as AddressInfo).port}/`,
    });

    expect(said).toBe("MAYFLY-SELFTEST failed: the user nobody reaches the cloud's metadata");
  });

  test("finds a clock that is behind the image's own age", async () => {
    facts.mayfly_built_at = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, "");

    const { said } = await selfTest();

    expect(said).toContain("failed: the clock is wrong: it says ");
  });

  describe("MATLAB", () => {
    beforeEach(async () => {
      facts.mayfly_matlab_release = "R2025b";
      await put("usr/local/bin/matlab", MATLAB, 0o755);
    });

    test("is not started without a licence, and it says so", async () => {
      const { said } = await selfTest();

      expect(said).toMatch(/^MAYFLY-SELFTEST ok .* matlab=R2025b matlab-started=no$/);
    });

    test("is started with the licence server that jobs are told", async () => {
      await put(`${RUNNER}/.env`, "MLM_LICENSE_FILE=27000@licence.example.org\n");

      const { said } = await selfTest();

      expect(said).toMatch(/^MAYFLY-SELFTEST ok .* matlab=R2025b$/);
    });

    test("of another release than the image claims is a fault", async () => {
      await put(`${RUNNER}/.env`, "MLM_LICENSE_FILE=27000@licence.example.org\n");
      facts.mayfly_matlab_release = "R2026a";

      const { said } = await selfTest();

      expect(said).toBe("MAYFLY-SELFTEST failed: MATLAB R2026a does not start");
    });
  });
});
