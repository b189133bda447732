import { defineConfig } from "vitest/config";

/**
 * Six projects: `unit` needs nothing but Node, `vm` boots real virtual machines, `browser` needs Chromium, `openstack` a genuine cloud,
 * `openstack-guests` one with real hypervisors, `images` needs root, Packer, Vagrant and what builds the root of a Debian.
 * NB: many tests run real processes against real time limits, on machines of two cores. In CI one that fails is run once more, and
 * the report says so (`retry x1`); at a desk it fails at once.
 */
const retry = process.env.CI ? 1 : 0;
/** More than there are cores: a test waits most of its time. */
const WORKERS = 4;

export default defineConfig({
  test: {
    maxWorkers: WORKERS,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          // NB: no test is to take so long; on a busy machine the processes of some do.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          retry,
        },
      },
      {
        test: {
          name: "vm",
          include: ["test/**/*.vm.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          maxWorkers: 2,
          retry,
        },
      },
      {
        test: {
          name: "images",
          // NB: those that need no more than Node and Packer are in `unit`, too, so that they run where no VM can.
          include: ["test/**/*.images.ts", "test/images/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 900_000,
          retry,
        },
      },
      ...(["openstack", "openstack-guests"] as const).map((name) => ({
        test: {
          name,
          include: [name === "openstack" ? "test/**/*.openstack.ts" : "test/**/*.guests.ts"],
          globalSetup: "test/rig/openstack/suite.ts",
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          retry,
        },
      })),
      {
        test: {
          name: "browser",
          include: ["test/**/*.browser.ts"],
          testTimeout: 60_000,
          retry,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
