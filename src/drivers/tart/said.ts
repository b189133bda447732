import { z } from "zod";
import type { Capacity } from "../../core/host-room.ts";
import type { VmSeen } from "../../ports.ts";
import { printable } from "../exec.ts";

/**
 * The words of mayfly-tart, those of tart among them. A VM of ours is never suspended by us: one that is will not end its job, and is
 * `broken`. See: openai/tart, VMDirectory.State.
 */
const STATES: ReadonlyMap<string, VmSeen["state"]> = new Map(
  Object.entries<VmSeen["state"]>({
    building: "building",
    running: "up",
    stopped: "off",
    suspended: "broken",
    failed: "broken",
  }),
);

export const stateOf = (word: string): VmSeen["state"] => STATES.get(word) ?? "unknown";

const LINE = z.object({ name: z.string(), state: z.string(), text: z.string() });

/** What `list` said. Throws if it is not what mayfly-tart says. */
export function vmsOf(said: string): VmSeen[] {
  return linesOf(said).map((line) => {
    const { name, state: word, text } = LINE.parse(JSON.parse(line));
    const state = stateOf(word);
    if (text === "") return { name, state };
    return { name, state, text: printable(text), ...(saysNoRoom(text) ? { isNoRoom: true } : {}) };
  });
}

/** What `capacity` said. */
export const capacityOf = (said: string): Capacity =>
  z.object({ machines: z.int().min(0) }).parse(JSON.parse(said));

export const linesOf = (said: string): string[] => said.split("\n").filter((line) => line.trim() !== "");

/**
 * NB: macOS counts VMs of other programs, too, and some releases count those that have ended until the Mac is restarted.
 * See: openai/tart, RuntimeError.VirtualMachineLimitExceeded and issue 1217.
 */
const saysNoRoom = (text: string): boolean => /number of VMs exceeds the system limit/i.test(text);
