import { writeFileSync } from "node:fs";
import { lockJsonSchema } from "../src/lock/schema.ts";
import { verificationJsonSchema } from "../src/reports/schema.ts";

/** Writes the published JSON Schemas from the zod schemas they stand for; `biome format --write schemas` afterwards. */
const SCHEMAS = {
	"clip-soup.lock.v1": lockJsonSchema(),
	"verification.v1": verificationJsonSchema(),
};

for (const [name, schema] of Object.entries(SCHEMAS)) {
	writeFileSync(`schemas/${name}.schema.json`, `${JSON.stringify(schema, null, "\t")}\n`);
}
