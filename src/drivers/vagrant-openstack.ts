import type { Provider } from "../core/types.ts";
import type { Hypervisor, HypervisorParts } from "./vagrant-hypervisor.ts";
import { vagrantIndex } from "./vagrant-index.ts";

/**
 * A cloud through Vagrant and its plug-in vagrant-openstack-provider: the old way, for sites that have it. What is on the cloud is in the
 * box's Vagrantfile. The driver `openstack` needs none of this, and does more.
 */
export function vagrantOpenstack(parts: HypervisorParts): Hypervisor {
  return {
    ...vagrantIndex(parts),
    seedBy: "user data",
    prepare: async ({ userData }) => ({ userData }),
    check: async () => {
      const missing = NEEDED.filter((name) => !parts.env[name]);
      if (missing.length === 0) return [];
      return [
        `The provider openstack signs in by ${missing.join(", ")}, which Mayfly's environment lacks. Set them, or use the driver openstack, which knows application credentials.`,
      ];
    },
  };
}

const NEEDED = ["OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"] as const;

/** How the plug-in signs in. NB: Vagrant gets nothing else of our environment, since a box brings Ruby of its own that runs with it. */
export function cloudVariables(provider: Provider, env: NodeJS.ProcessEnv): Record<string, string> {
  if (provider !== "openstack") return {};
  const entries = Object.entries(env).filter(([name]) => name.startsWith("OS_"));
  return Object.fromEntries(entries.flatMap(([name, value]) => (value ? [[name, value]] : [])));
}
