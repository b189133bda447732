import type { Clock } from "../ports.ts";
import type { Urgency } from "./routes.ts";

const ORDER: Record<Urgency, number> = {
  register: 0,
  remove: 1,
  read: 2,
  conclude: 3,
  note: 4,
  report: 5,
  announce: 6,
};

/**
 * Calls of one installation that are under way at a time, by how urgent the next one is. GitHub takes 100.
 * See: docs.github.com, "Rate limits for the REST API", "About secondary rate limits".
 */
const AT_ONCE: Record<Urgency, number> = {
  register: 50,
  remove: 45,
  read: 40,
  conclude: 30,
  note: 30,
  report: 30,
  announce: 30,
};

type Caller = { urgency: Urgency; isWrite: boolean };
type Waiting = Caller & { go: (leave: () => void) => void };

/** Resolves when it is the caller's turn, with what is to be called when its call has ended. */
export type Line = (caller: Caller) => Promise<() => void>;

/**
 * Lets callers through, the most urgent first: so many at a time, and those that write one by one, `gapMs` apart.
 *
 * Why not Octokit's throttling plugin: it sends one write per second and knows no urgency, so the last of a hundred guests would wait
 * for its registration behind minutes of check runs. Its limiters can be replaced one by one, but what replaces them is longer than this.
 */
export function newLine(clock: Clock, gapMs: number): Line {
  const waiting: Waiting[] = [];
  let underWay = 0;
  let freeAt = 0;
  let isResting = false;

  return (caller) =>
    new Promise((go) => {
      waiting.push({ ...caller, go });
      serve();
    });

  function serve(): void {
    for (let next = take(); next; next = take()) {
      underWay += 1;
      if (next.isWrite) freeAt = clock.now() + gapMs;
      next.go(leave);
    }
    if (!isResting && waiting.some(({ isWrite }) => isWrite) && freeAt > clock.now()) void rest();
  }

  function leave(): void {
    underWay -= 1;
    serve();
  }

  /** Until the next one may write. Never rejects. */
  async function rest(): Promise<void> {
    isResting = true;
    await clock.until(freeAt, new AbortController().signal);
    isResting = false;
    serve();
  }

  function take(): Waiting | undefined {
    // NB: a clock that was put back must not hold up writes for as long as it went back.
    freeAt = Math.min(freeAt, clock.now() + gapMs);
    const mayWrite = clock.now() >= freeAt;
    const open = waiting.filter(
      ({ urgency, isWrite }) => underWay < AT_ONCE[urgency] && (mayWrite || !isWrite),
    );
    const most = Math.min(...open.map(({ urgency }) => ORDER[urgency]));
    const next = open.find(({ urgency }) => ORDER[urgency] === most);
    return next && waiting.splice(waiting.indexOf(next), 1)[0];
  }
}
