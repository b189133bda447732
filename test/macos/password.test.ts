import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

/** The step that takes the base's password away, for real, with a stand-in for macOS's dscl. */

const SCRIPT = join(import.meta.dirname, "../../macos/image/scripts/50-password.sh");
const [OLD, NEW] = ["the old one's $(id)", 'a "new" one\\n'];

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "mayfly-mac-password-"));
  onTestFinished(() => rm(root, { recursive: true }));
  await mkdir(join(root, "bin"));
  await mkdir(join(root, "Users/admin/Library/Keychains"), { recursive: true });
  await writeFile(join(root, "password"), OLD);
  await writeFile(join(root, "bin/dscl"), DSCL);
  await chmod(join(root, "bin/dscl"), 0o755);
});

describe("the administrator's password", () => {
  test("is changed by one who knows the old one, and the old keychain is gone", async () => {
    await changeTo(NEW);

    expect(await password()).toBe(NEW);
    await expect(readFile(join(root, "Users/admin/Library/Keychains"))).rejects.toThrow("ENOENT");
  });

  test("stays the new one when the step is repeated", async () => {
    await changeTo(NEW);

    await changeTo(NEW);

    expect(await password()).toBe(NEW);
    expect(await readFile(join(root, "changed"), "utf8")).toBe(".");
  });

  test("stays as it was if the base has another one, and that is said", async () => {
    await writeFile(join(root, "password"), "a third one");

    const said = await changeTo(NEW);

    expect(said).toMatchObject({ exitCode: 1, stdout: "" });
    expect(said.stderr).toBe(
      "50-password: the administrator admin has neither the base's password nor the new one. Look at base_user and base_password",
    );
    expect(await password()).toBe("a third one");
  });

  test.each([
    ["short", "and gives eDSAuthPasswordQualityCheckFailed"],
    ["lost-by-macos", "has not the new password, although macOS took it"],
  ])("is not taken for changed when macOS did not change it: %s", async (word, words) => {
    const said = await changeTo(word);

    expect(said.exitCode).toBe(1);
    expect(said.stderr).toContain(words);
  });

  test.each([NEW, "short", "lost-by-macos"])("is in nothing that is said: %s", async (word) => {
    const { stdout, stderr } = await changeTo(word);

    expect(stdout + stderr).not.toContain(word);
    expect(stdout + stderr).not.toContain(OLD);
  });

  test.each(["ADMIN", "OLD_PASSWORD", "NEW_PASSWORD"])("needs %s", async (variable) => {
    const said = await changeTo(NEW, { [variable]: "" });

    expect(said.exitCode).not.toBe(0);
    expect(await password()).toBe(OLD);
  });
});

/** Says its arguments when it fails, as a program may. Takes a password only from one who knows the old one. */
const DSCL = `#!/bin/bash
cd "\${0%/*}/.."
case "$1 $2" in
  ". -authonly") [ "$3" = admin ] && [ "$4" = "$(cat password)" ] && exit 0 ;;
  ". -passwd")
    if [ "$#" = 5 ] && [ "$3" = /Users/admin ] && [ "$4" = "$(cat password)" ] && [ "$5" != short ]; then
      printf . >>changed
      [ "$5" = lost-by-macos ] || printf %s "$5" >password
      exit 0
    fi
    echo "passwd: DS error: eDSAuthPasswordQualityCheckFailed" ;;
esac
echo "$*"
exit 1
`;

const password = () => readFile(join(root, "password"), "utf8");

const changeTo = (word: string, env: Record<string, string> = {}) =>
  execa({ reject: false })("bash", [SCRIPT], {
    env: {
      ...{ ADMIN: "admin", OLD_PASSWORD: OLD, NEW_PASSWORD: word, MAYFLY_ROOT: root },
      PATH: `${join(root, "bin")}${delimiter}${process.env.PATH}`,
      ...env,
    },
  });
