import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "./arena.ts";

const LOOK_MS = 700;

/** Looks all along for what must never be. Answers how to stop. */
export function watch(arena: Arena): () => Promise<void> {
  const stop = new AbortController();
  const ended = look(arena, stop.signal);
  return async () => {
    stop.abort();
    await ended;
  };
}

async function look(arena: Arena, signal: AbortSignal): Promise<void> {
  const told = new Set<string>();
  const violate = (text: string) => {
    if (told.has(text)) return;
    told.add(text);
    arena.violations.push(text);
    arena.tell(`WRONG  ${text}`);
  };
  while (!signal.aborted) {
    const before = running(arena);
    // NB: libvirt may be down on purpose.
    const names = await arena.vms.names().catch(() => undefined);
    if (names && names.length > arena.limit) violate(`${names.length} VMs at a time: ${names.join(", ")}`);
    for (const [job, name] of names ? before : []) {
      const isGone = !names?.includes(name) && running(arena).get(job) === name;
      if (isGone && !arena.harmed.has(name)) violate(`the VM ${name} is gone while job ${job} runs in it`);
    }
    for (const text of arena.site.github.violations) violate(`not as GitHub: ${text}`);
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Jobs that run, as GitHub sees it, and the machines that they run in. */
const running = ({ site }: Arena): Map<number, string> =>
  new Map(
    site.github
      .jobs(site.repo)
      .filter(({ status, runner, cancelRequested }) => status === "in_progress" && runner && !cancelRequested)
      .map(({ id, runner }) => [id, runner?.name ?? ""]),
  );
