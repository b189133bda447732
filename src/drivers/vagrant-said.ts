import { lastLines, printable } from "./exec.ts";

/**
 * What `vagrant --machine-readable` printed, as a person would have seen it. Lines of another form (a provisioner's program,
 * a Ruby error) are kept as they are.
 * See: developer.hashicorp.com/vagrant/docs/cli/machine-readable: `timestamp,target,type,data…`, with commas and line ends escaped.
 */
export function readable(log: string): string {
  const lines = printable(log)
    .split("\n")
    .flatMap((line) => {
      const read = parse(line);
      if (!read) return [line];
      return read.type === "ui" ? [read.data.slice(1).join(",")] : [];
    });
  return lines.join("\n");
}

const FAILURE_LINES = 8;
/** What Vagrant says of a script that failed: nothing. */
const SEE_ABOVE = "should be in the log above";

/**
 * Why Vagrant failed, in its own words, led by the name of its error where it gives one.
 * NB: the exit code is 1 for every error, and an error in a Vagrantfile has no `error-exit` line at all.
 */
export function failure(log: string): string {
  const lines = printable(log).split("\n").map(parse);
  const exit = lines.findLast((line) => line?.type === "error-exit");
  if (!exit) return lastLines(withoutTrace(readable(log)), FAILURE_LINES);
  const [error, ...words] = exit.data;
  const text = words.join(",");
  const said = text.includes(SEE_ABOVE) ? lastLines(provisionerSaid(lines), FAILURE_LINES) : "";
  return `${error?.split("::").at(-1)}: ${said || lastLines(text, FAILURE_LINES)}`;
}

/** What Ruby prints under an error that Vagrant did not expect: where it came from, and not what it is. */
const withoutTrace = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !/^\s+(?:from |\d+: from )/.test(line))
    .join("\n");

const provisionerSaid = (lines: readonly (Line | undefined)[]): string =>
  lines
    .flatMap((line) =>
      line?.type === "ui" && line.data[0] === "detail" ? [line.data.slice(1).join(",")] : [],
    )
    .join("\n");

type Line = { type: string; data: string[] };

function parse(line: string): Line | undefined {
  const [time, _target, type, ...data] = line.split(",");
  if (!time || !/^\d{9,}$/.test(time) || type === undefined) return undefined;
  return { type, data: data.map(withoutEscapes) };
}

const withoutEscapes = (text: string): string =>
  text.replaceAll("%!(VAGRANT_COMMA)", ",").replaceAll("\\n", "\n").replaceAll("\\r", "");
