import type { Clock } from "../ports.ts";
import type { Urgency } from "./routes.ts";

const ORDER: Record<Urgency, number> = { register: 0, remove: 1, read: 2, report: 3 };

type Waiting = { urgency: Urgency; go: () => void };

/** Resolves when it is the caller's turn. */
export type Line = (urgency: Urgency) => Promise<void>;

/**
 * Lets callers through one by one, `gapMs` apart, the most urgent first.
 *
 * Why not Octokit's throttling plugin: it sends one write per second and knows no urgency, so the last of a hundred guests would wait
 * for its registration behind minutes of check runs. Its limiters can be replaced one by one, but what replaces them is longer than this.
 */
export function newLine(clock: Clock, gapMs: number): Line {
  const waiting: Waiting[] = [];
  let freeAt = 0;
  let isServing = false;

  return (urgency) =>
    new Promise((go) => {
      waiting.push({ urgency, go });
      void serve();
    });

  /** Never rejects. */
  async function serve(): Promise<void> {
    if (isServing) return;
    isServing = true;
    while (waiting.length > 0) {
      if (freeAt > clock.now()) await clock.until(freeAt, new AbortController().signal);
      freeAt = clock.now() + gapMs;
      takeMostUrgent(waiting)?.go();
    }
    isServing = false;
  }
}

function takeMostUrgent(waiting: Waiting[]): Waiting | undefined {
  const most = Math.min(...waiting.map(({ urgency }) => ORDER[urgency]));
  return waiting.splice(
    waiting.findIndex(({ urgency }) => ORDER[urgency] === most),
    1,
  )[0];
}
