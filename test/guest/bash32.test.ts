import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/**
 * macOS has bash 3.2 of 2007, and BSD's tools. There is no bash 3.2 to be had here, so this looks for what came later, and for options that
 * only GNU's tools have. See: bash's own CHANGES and NEWS, 4.0 to 5.2.
 */
const LATER: readonly [name: string, pattern: RegExp][] = [
  ["an associative array (4.0)", /\b(?:declare|local|typeset|readonly) -[a-z]*A/],
  ["upper and lower case by expansion (4.0)", /\$\{\w+(?:\[[^\]]*\])?[\^,]/],
  ["mapfile (4.0)", /\b(?:mapfile|readarray)\b/],
  ["coproc (4.0)", /\bcoproc\b/],
  ["a fraction of a second for read (4.0)", /\bread\b[^|;&\n]*-t *\d*\.\d/],
  ["read -N, read -i (4.0, 4.1)", /\bread\b[^|;&\n]* -[a-z]*[Ni]\b/],
  ["|& and &>> (4.0)", /\|&|&>>/],
  ["a case that falls through (4.0)", /;;?&(?!&)/],
  ["padded sequences, or with steps (4.0)", /\{0\d+\.\.|\{\w+\.\.\w+\.\./],
  ["BASHPID (4.0)", /\bBASHPID\b/],
  ["globstar, dirspell, autocd, lastpipe (4.0, 4.2)", /\bshopt\b.*\b(?:globstar|dirspell|autocd|lastpipe)\b/],
  ["a descriptor that bash chooses (4.1)", /\{\w+\}[<>]/],
  ["printf -v into an array (4.1)", /printf -v \w+\[/],
  ["printf of a time (4.2)", /printf\b.*%\([^)]*\)T/],
  ["[[ -v … ]] (4.2)", /\[\[ (?:! )?-v /],
  ["declare -g (4.2)", /\b(?:declare|typeset) -[a-z]*g/],
  ["a length from the end (4.2)", /\$\{[\w@*]+:[^}-]*: *-/],
  ["an index from the end (4.3)", /\[-\d+\]/],
  ["wait -n (4.3)", /\bwait -[nfp]/],
  ["a reference to a variable (4.3)", /\b(?:declare|local|typeset) -[a-z]*n\b/],
  ["name@Q in braces and its like (4.4)", /\$\{\w+(?:\[[^\]]*\])?@[A-Za-z]\}/],
  ["mapfile -d, local -, (4.4)", /\blocal -(?:\s|$)/],
  ["EPOCHSECONDS and others (5.0, 5.1)", /\b(?:EPOCHSECONDS|EPOCHREALTIME|SRANDOM|BASH_ARGV0)\b/],
  ["\\u in a quoted text (4.2)", /\$'[^']*\\[uU]/],
];

const GNU: readonly [name: string, pattern: RegExp][] = [
  [
    "a command that macOS has not",
    /(?:^|[\s(|&])(?:setpriv|shred|sha256sum|md5sum|tac|timeout|setsid|getent|useradd|systemctl|poweroff|ip|free|nproc|realpath|jq|apt-get|mount -t) /,
  ],
  ["/proc, /sys and /run", /(?<![\w$}/])\/(?:proc|sys|run)\//],
  ["GNU's stat, date and sed", /\bstat (?:-c|--)|\bdate (?:-d|--)|\bsed -i(?! ''| \.)|\bsed -r\b/],
  [
    "long options, which BSD's tools have not",
    /(?:^|[\s(|&])(?:install|chown|chmod|cp|mkdir|mktemp|rm|grep|dd|tail|head|cut|sort|touch|readlink|id|uname|date|sed) (?:-\w+ )*--\w/,
  ],
  ["dd's conv=fsync and status=", /\bdd\b.*(?:status=|fsync)/],
  [
    "a repetition above 255, which BSD's patterns have not",
    /\{(?:\d+,)?(?:25[6-9]|2[6-9]\d|[3-9]\d\d|\d{4,})\}/,
  ],
  ["grep -P", /\bgrep -\w*P/],
];

const folders = ["guest/unix", "guest/macos", "vagrant"];
const scripts = folders
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((path) => !path.endsWith(".plist") && (!path.startsWith("vagrant/") || path.includes("macos")))
  .map((path) => ({ path, lines: readFileSync(path, "utf8").split("\n") }));

/** NB: comments may speak of anything. */
const found = (lines: readonly string[], rules: typeof LATER): string[] =>
  lines.flatMap((line, index) =>
    rules
      .filter(([, pattern]) => pattern.test(line.replace(/(?:^|\s)#.*/, "")))
      .map(([name]) => `${index + 1}: ${name}`),
  );

test("scripts for macOS are looked at", () => {
  expect(scripts.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["guest/unix/mayfly-guest", "guest/macos/seed.sh", "vagrant/bootstrap_macos.sh"]),
  );
});

test.each(scripts)("$path holds nothing that came after bash 3.2", ({ lines }) => {
  expect(found(lines, LATER)).toEqual([]);
});

test.each(scripts)("$path calls nothing that only Linux has", ({ lines }) => {
  expect(found(lines, GNU)).toEqual([]);
});

/** NB: with `set -u` an array without elements is an error before bash 4.4. Those here always have some. */
const NEVER_EMPTY = ["trust", "programs", "pauses"];

test.each(scripts)("$path expands no array that may be empty", ({ lines }) => {
  const arrays = lines.flatMap((line) => [...line.matchAll(/"\$\{(\w+)\[@\]\}"/g)].map(([, name]) => name));

  expect(arrays.filter((name) => name === undefined || !NEVER_EMPTY.includes(name))).toEqual([]);
});

describe("the rules", () => {
  test.each([
    "declare -A table",
    `echo "\${name^^}"`,
    "mapfile -t lines",
    "read -r -t 0.5 line",
    "command |& tee",
    "printf '%(%F)T' -1",
    `echo "\${list[-1]}"`,
    "local -n other=$1",
    "wait -n",
    "exec {out}>file",
    `[[ -v name ]]`,
    `echo "\${text:0:-1}"`,
    "case x in a) ;;& esac",
  ])("find %s", (line) => {
    expect(found([line], LATER)).toHaveLength(1);
  });

  test.each([
    "shred --remove seed",
    "read -r line </proc/net/route",
    "stat -c %U file",
    "install --directory x",
    "date -d now",
    "sed -i s/a/b/ file",
    "timeout 5 true",
    "[[ $text =~ ^[a-z]{1,256}$ ]]",
  ])("find %s", (line) => {
    expect(found([line], GNU)).not.toEqual([]);
  });

  test.each([
    "read -r -n 1 -t 5 <&3",
    `text=\${text//"$secret"/(secret)}`,
    `exec sudo -n -E -u "$1" -- "\${@:2}"`,
    "for try in {1..15}; do :; done",
    `newest=\${logs[\${#logs[@]} - 1]}`,
    "# on Linux: shred, /proc/net/route",
    "dd if=/dev/zero of=x bs=4096 count=1 conv=notrunc",
  ])("let %s pass", (line) => {
    expect([...found([line], LATER), ...found([line], GNU)]).toEqual([]);
  });
});
