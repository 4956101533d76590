import { writeFileSync } from "node:fs";
import { lockJsonSchema } from "../src/lock/schema.ts";

/** Writes the JSON Schema of lock files; a test holds it equal to the source. */
writeFileSync("schemas/clip-soup.lock.v1.schema.json", `${JSON.stringify(lockJsonSchema(), null, "\t")}\n`);
