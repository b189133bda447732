import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * macOS has bash 3.2 of 2007 and BSD's tools, and neither is here. So what is newer, or GNU's, is looked for as text.
 * See: bash's CHANGES, from bash-4.0-alpha on.
 */
const NEWER: readonly [string, RegExp][] = [
  ["an associative array, or a reference", /\b(?:declare|local|typeset|readonly)\s+-\w*[An]/],
  ["mapfile", /\b(?:mapfile|readarray)\b/],
  ["a change of case", /\$\{\w+(?:\[[^\]]*\])?(?:,{1,2}|\^{1,2}|@)/],
  ["&>> or |&", /&>>|\|&/],
  [";& in a case", /;;?&(?!&)/],
  ["wait -n", /\bwait\s+-n\b/],
  ["the time by printf", /%\([^)]*\)T/],
  ["[[ -v", /\[\[\s+-v\b/],
  ["a coprocess", /\bcoproc\b/],
  ["a descriptor's name", /\{\w+\}[<>]/],
  ["a shell option of later", /\bshopt\b.*\b(?:globstar|lastpipe|inherit_errexit)\b/],
  ["a variable of later", /\$\{?(?:BASHPID|EPOCHSECONDS|EPOCHREALTIME|SRANDOM)\b/],
  ["read -N, or a part of a second", /\bread\b[^|;]*\s-(?:N|t\s*\d*\.\d)/],
  ["a length that is negative", /\$\{\w+:[^}]*:\s*-\d/],
  ["an array that may be empty", /"\$\{\w+\[@\]\}"/],
];
const GNU: readonly [string, RegExp][] = [
  [
    "a program that macOS has not",
    /(?:^|[;&|(]\s*|\s)(?:flock|setsid|timeout|tac|sha256sum|shred|nproc|getent|pidof)\s/m,
  ],
  ["GNU's stat, date, readlink, grep", /\bstat\s+-c|\bdate\s+-d|\breadlink\s+-f|\bgrep\s+-\w*P/],
  [
    "a long option of a BSD tool",
    /\b(?:cp|mv|rm|mkdir|install|ln|tail|head|sort|tr|sed|chmod|chown|ps)\s+(?:-\w+\s+)*--\w/,
  ],
  ["a repetition above 255", /\{\d*,?(?:25[6-9]|2[6-9]\d|[3-9]\d\d|\d{4,})\}/],
  ["nohup, which fails without a login session", /\bnohup\b/],
  ["ps, which cuts what it shows", /\bps\s+(?!-ww)/],
  ["sed -i without a suffix", /\bsed\s+-i\s+[^'"]/],
];

const MACOS = join(import.meta.dirname, "../../macos");
const scripts = readdirSync(MACOS, { recursive: true, encoding: "utf8" })
  .map((name) => ({ name, text: textOf(join(MACOS, name)) }))
  .filter(({ text }) => /^#!.*\bbash\b/.test(text));

describe("scripts for a Mac", () => {
  test("are there", () => {
    expect(scripts.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["host/mayfly-tart", "host/records.sh", "host/install-host.sh"]),
    );
  });

  test.each(
    scripts.flatMap(({ name, text }) =>
      [...NEWER, ...GNU].map(([what, pattern]) => ({ name, text, what, pattern })),
    ),
  )("$name has not: $what", ({ text, pattern }) => {
    const code = text.replaceAll(/^\s*#.*$/gm, "").replaceAll(/\s#\s.*$/gm, "");

    expect(pattern.exec(code)?.[0]).toBeUndefined();
  });
});

describe("what is looked for", () => {
  test.each([
    "declare -A seen",
    "mapfile -t lines",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is a shell's
    "echo ${name,,}",
    "cmd &>>log",
    "wait -n",
    "printf '%(%s)T' -1",
    "read -t 0.5 line",
    "flock 9",
    "stat -c %s file",
    "mkdir --parents x",
    "[[ $x =~ ^a{0,299}$ ]]",
    "ps -p 1 -o command=",
  ])("is found: %s", (line) => {
    expect([...NEWER, ...GNU].filter(([, pattern]) => pattern.test(line))).not.toEqual([]);
  });
});

/** Nothing of a folder. */
function textOf(path: string): string {
  return statSync(path).isFile() ? readFileSync(path, "utf8") : "";
}
