import { conformsWithJobs } from "./conformance-job.ts";
import { MACOS } from "./systems.ts";

conformsWithJobs(MACOS);
