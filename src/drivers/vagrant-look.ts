import type { MachineName } from "../core/types.ts";
import type { VmSeen } from "../ports.ts";
import type { EndRecord } from "./vagrant-folder.ts";
import type { Found } from "./vagrant-hypervisor.ts";

/** What a machine's folder tells: its `vagrant up` is at work, or how it ended. Neither: it was ended with its controller. */
export type Story = { isBuilding: boolean; end: EndRecord | undefined };

/**
 * What all machines look like, from three looks one after the other: at their folders, at the hypervisor, and at which folders
 * there are by then. A machine's folder is there before anything else of it, and after everything else.
 */
export function merge(
  before: ReadonlyMap<MachineName, Story>,
  found: ReadonlyMap<MachineName, Found>,
  after: readonly MachineName[],
): VmSeen[] {
  const names = new Set([...found.keys(), ...before.keys(), ...after]);
  return [...names].flatMap((name) => {
    const there = found.get(name);
    const isHere = after.includes(name);
    const story = before.get(name);
    if (story && !isHere) return []; // destroyed meanwhile
    if (story) return [{ name, ...lookOf(story, there) }];
    if (isHere) return [{ name, ...lookOf(ORDERED, there) }];
    return there ? [{ name, ...withoutKind(there) }] : [];
  });
}

/** Ordered while we looked. */
const ORDERED: Story = { isBuilding: true, end: undefined };

type Look = Omit<VmSeen, "name">;

/** NB: a VM that runs is left to show what it can do, also if nobody knows what became of its `vagrant up`. */
function lookOf(story: Story, found: Found | undefined): Look {
  const vm = found?.kind === "vm" ? withoutKind(found) : undefined;
  if (story.isBuilding)
    return vm && (vm.state === "up" || vm.state === "broken") ? vm : { state: "building" };
  if (story.end && !story.end.isOk) return { state: "broken", text: story.end.text };
  if (vm) return vm;
  if (story.end) return { state: "off", text: "its VM is gone" };
  return { state: "broken", text: "the controller ended while vagrant up made the VM" };
}

/** Without the kind, which is nobody else's matter. */
const withoutKind = ({ state, text }: Found): Look => ({ state, text });
