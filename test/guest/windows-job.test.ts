import { describe } from "vitest";
import { conformsWithJobs } from "./conformance-job.ts";
import { PWSH, WINDOWS } from "./systems.ts";

// See: windows.test.ts, for what is tested where there is no PowerShell.
describe.skipIf(PWSH === "")("on Windows", () => conformsWithJobs(WINDOWS));
