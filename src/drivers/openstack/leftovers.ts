import type { MachineName } from "../../core/types.ts";
import type { CloudServices } from "./cloud.ts";
import { describedName } from "./names.ts";
import type { Kind } from "./neutron.ts";

const KINDS: readonly Kind[] = ["ports", "floatingips"];

/** Machines that have a port or a floating IP of ours. It costs a call each, so it is looked once in the life of a process. */
export async function machinesWithThings(
  { neutron, session }: CloudServices,
  controller: string,
  signal: AbortSignal,
): Promise<MachineName[]> {
  const { id: project_id } = await session.project(signal);
  const found = await Promise.all(KINDS.map((kind) => neutron.things(kind, { project_id }, signal)));
  return found.flat().flatMap(({ description }) => describedName(description, controller) ?? []);
}
