import { DURATION, toMs } from "../config/units.ts";
import { type Ask, tellController } from "../control/client.ts";
import { SetupError } from "../ports.ts";
import { type AskOptions, jobOf, socketOf } from "./ask.ts";
import { safe } from "./text.ts";

/** Commands that tell a running controller what to do. */

/** `mayfly destroy`. */
export async function destroy(machine: string, options: AskOptions): Promise<void> {
  await tell({ method: "POST", path: machinePath(machine, "destroy") }, options);
}

/** `mayfly drain`. `off`: opens the host again. */
export async function drain(
  host: string,
  { off, ...options }: AskOptions & { off?: boolean },
): Promise<void> {
  const path = `/hosts/${encodeURIComponent(host)}/drain`;
  await tell({ method: "POST", path, body: { drained: !off } }, options);
}

/** `mayfly hold`. `for`: how long; none at all lets it go. */
export async function hold(
  machine: string,
  { for: time, ...options }: AskOptions & { for: string },
): Promise<void> {
  if (time !== "0" && !DURATION.test(time))
    throw new SetupError("--for must be a time with its unit, such as 30m or 2h, or 0 to let it go.");
  const minutes = time === "0" ? 0 : Math.ceil(toMs(time) / MINUTE_MS);
  await tell({ method: "POST", path: machinePath(machine, "hold"), body: { minutes } }, options);
}

/** `mayfly retry` and `mayfly approve`. `what`: a job's id, or its address at GitHub. */
export async function orderJob(verb: "retry" | "approve", what: string, options: AskOptions): Promise<void> {
  await tell({ method: "POST", path: `/jobs/${jobOf(what)}/${verb}` }, options);
}

/** `mayfly pause` and `mayfly resume`. `repo`: left out for all. */
export async function pause(repo: string | undefined, paused: boolean, options: AskOptions): Promise<void> {
  await tell({ method: "POST", path: "/orders", body: { repo, paused } }, options);
}

const MINUTE_MS = 60_000;

const machinePath = (machine: string, verb: string): string =>
  `/machines/${encodeURIComponent(machine)}/${verb}`;

async function tell(ask: Ask, { config, json }: AskOptions): Promise<void> {
  const sentence = safe(await tellController(socketOf(config), ask));
  console.log(json ? JSON.stringify({ sentence }, undefined, 2) : sentence);
}
