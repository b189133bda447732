import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { PROJECT } from "./sources.ts";

/** What `npm run shell` calls: `bash -n`, and shellcheck. Here too, so that the checks of images are whole by themselves. */
const CHECK = join(PROJECT, "script/shellcheck");

describe("the check of shell scripts", () => {
  test("finds nothing in ours", async () => {
    const { exitCode, all } = await execa(CHECK, { all: true, reject: false });

    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/^shellcheck: \d{2,} scripts, 0 with faults$/m);
  });

  test.each([
    ["what is no shell", "step.sh", "#!/usr/bin/env bash\nif true; then\n", "syntax error"],
    ["what is one, and wrong", "step.sh", "#!/usr/bin/env bash\nrm -r $1\n", "SC2086"],
    ["what has no ending, by its first line", "guest", "#!/bin/sh\nrm -r $1\n", "SC2086"],
  ])("finds %s", async (_, name, text, fault) => {
    const folder = await mkdtemp(join(tmpdir(), "mayfly-shell-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, "script"));
    await copyFile(CHECK, join(folder, "script/shellcheck"));
    await writeFile(join(folder, name), text);
    await execa("git", ["init", "--quiet", folder]);

    const { exitCode, all } = await execa(join(folder, "script/shellcheck"), { all: true, reject: false });

    expect(exitCode).toBe(1);
    expect(all).toContain(fault);
    expect(all).toContain("shellcheck: 2 scripts, 1 with faults");
  });
});
