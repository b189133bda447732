import { conformsWithJobs } from "./conformance-job.ts";
import { LINUX } from "./systems.ts";

conformsWithJobs(LINUX);
