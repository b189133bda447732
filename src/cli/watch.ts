import { systemClock } from "../clock.ts";
import { CommandFailed } from "../control/client.ts";
import { safe } from "./text.ts";

export type Watched<T> = {
  look: () => Promise<T>;
  text: (seen: T) => string;
  /** What has to differ for the output of a program to be worth another look: without what merely goes on with time. */
  news: (seen: T) => unknown;
  json: boolean;
};

/** Where it is shown: a terminal is drawn over, all else gets what is new behind what was. */
export type Screen = Pick<NodeJS.WriteStream, "write" | "isTTY" | "columns" | "rows">;

/** Between two looks. */
const LOOK_MS = 1000;

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** Shows something again and again until it is told to end (Ctrl+C). A controller that is not there is waited for. */
export async function watch<T>(watched: Watched<T>, screen: Screen = process.stdout): Promise<void> {
  const ending = new AbortController();
  const end = () => ending.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  const show = screen.isTTY && !watched.json ? onTerminal(screen) : behindEachOther(screen);
  try {
    while (!ending.signal.aborted) {
      show(await frameOf(watched));
      await systemClock.until(systemClock.now() + LOOK_MS, ending.signal);
    }
  } finally {
    if (screen.isTTY && !watched.json) screen.write(SHOW_CURSOR);
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

type Frame = { text: string; news: string };

async function frameOf<T>({ look, text, news, json }: Watched<T>): Promise<Frame> {
  try {
    const seen = await look();
    return { text: json ? JSON.stringify(seen) : safe(text(seen)), news: JSON.stringify(news(seen)) };
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const sentence = safe(error.message);
    return { text: json ? JSON.stringify({ error: sentence }) : sentence, news: sentence };
  }
}

/** NB: what is wider or longer than the terminal would make it scroll, so it is cut. */
function onTerminal(screen: Screen): (frame: Frame) => void {
  screen.write(HIDE_CURSOR);
  return ({ text }) => {
    const lines = text.split("\n").slice(0, Math.max(1, screen.rows - 1));
    const cut = lines.map((line) => `${line.slice(0, screen.columns)}${CLEAR_LINE}\n`);
    screen.write(`${HOME}${cut.join("")}${CLEAR_BELOW}`);
  };
}

function behindEachOther(screen: Screen): (frame: Frame) => void {
  let before: string | undefined;
  return ({ text, news }) => {
    if (news === before) return;
    screen.write(`${before === undefined || text.startsWith("{") ? "" : "\n"}${text}\n`);
    before = news;
  };
}
