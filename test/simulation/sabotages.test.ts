import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { SABOTAGES } from "./sabotages.ts";
import { FORK_SABOTAGES } from "./sabotages-forks.ts";
import { PEOPLE_SABOTAGES } from "./sabotages-people.ts";
import { SETTINGS_SABOTAGES } from "./sabotages-settings.ts";

const PROJECT = resolve(import.meta.dirname, "../..");

// NB: `npm run sabotage` says so, too, but only after minutes.
test.for([...SABOTAGES, ...FORK_SABOTAGES, ...PEOPLE_SABOTAGES, ...SETTINGS_SABOTAGES])(
  "the line of the sabotage “$name” is there exactly once",
  ({ file, find }) => {
    const source = readFileSync(resolve(PROJECT, file), "utf8");

    expect(source.split(find)).toHaveLength(2);
  },
);
