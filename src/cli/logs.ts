import { setTimeout as sleep } from "node:timers/promises";
import { askController, CommandFailed } from "../control/client.ts";
import type { LogAnswer } from "../control/logs.ts";
import { type AskOptions, jobIn, socketOf } from "./ask.ts";
import { safe } from "./text.ts";

/** Between two looks. */
const LOOK_MS = 1000;

/** `mayfly logs`: of a job (its number, or its address at GitHub) or a machine. `follow`: goes on until the machine is over. */
export async function logs(
  what: string,
  { config, json, follow }: AskOptions & { follow?: boolean },
): Promise<void> {
  const job = jobIn(what);
  const path = job === undefined ? `/machines/${encodeURIComponent(what)}/logs` : `/jobs/${job}/logs`;
  const look = async () => (await askController(socketOf(config), { method: "GET", path })) as LogAnswer;
  const write = json ? writeJson : textWriter();
  if (!follow) {
    const answer = await look();
    if (json) return console.log(JSON.stringify(answer, undefined, 2));
    if (answer.machine === undefined) throw new CommandFailed(safe(answer.sentence));
    return write(newsOf(answer, undefined));
  }
  for (let before: LogAnswer | undefined; ; await sleep(LOOK_MS)) {
    const answer = await look();
    write(newsOf(answer, before));
    if (answer.isOver) return;
    before = answer;
  }
}

/** What a look brought: lines of a part, or a sentence about which machine it is, or why there is none. */
export type News = { machine?: string | undefined; part?: string; text: string };

/** What is new in an answer. Another machine, or other words about there being none, begin anew. */
export function newsOf(answer: LogAnswer, before: LogAnswer | undefined): News[] {
  const { machine, sentence } = answer;
  const isSame = before !== undefined && before.machine === machine;
  const told = isSame && (machine !== undefined || before.sentence === sentence);
  const news: News[] = told ? [] : [{ machine, text: `${sentence}\n` }];
  for (const { name, text } of answer.parts) {
    const old = isSame ? before.parts.find((part) => part.name === name)?.text : undefined;
    const fresh = freshIn(text, old ?? "");
    if (fresh !== "") news.push({ machine, part: name, text: fresh });
  }
  return news;
}

/** So much of the end of what was shown is looked for in the next answer. */
const ANCHOR_CHARACTERS = 1000;

/** NB: drivers answer the end of a long log, so what was shown may have moved out of it at the front. */
function freshIn(text: string, old: string): string {
  if (text.startsWith(old)) return text.slice(old.length);
  const anchor = old.slice(-ANCHOR_CHARACTERS);
  const at = text.lastIndexOf(anchor);
  return at < 0 ? text : text.slice(at + anchor.length);
}

const writeJson = (news: readonly News[]): void => {
  for (const one of news) console.log(JSON.stringify(one));
};

/** As `tail` writes several files: a heading whenever it goes on with another one. */
function textWriter(): (news: readonly News[]) => void {
  let current: string | undefined;
  return (news) => {
    for (const { machine, part, text } of news) {
      const heading = `${machine} ${part}`;
      if (part !== undefined && heading !== current) process.stdout.write(`\n==> ${part} <==\n`);
      current = heading;
      process.stdout.write(safe(text.endsWith("\n") ? text : `${text}\n`));
    }
  };
}
