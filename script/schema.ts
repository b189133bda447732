import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { schemaText } from "../src/config/schema.ts";

/** Writes docs/mayfly.schema.json, by which editors complete and check mayfly.yml: npm run schema. */
writeFileSync(fileURLToPath(new URL("../docs/mayfly.schema.json", import.meta.url)), schemaText());
