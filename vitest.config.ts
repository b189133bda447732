import { defineConfig } from "vitest/config";

/** Three projects: `unit` needs nothing but Node, `vm` boots real virtual machines, `browser` needs Chromium. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], testTimeout: 20_000 } },
      {
        test: {
          name: "vm",
          include: ["test/**/*.vm.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/**/*.browser.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
