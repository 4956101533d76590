import { mkdirSync, writeFileSync } from "node:fs";
import { verificationJsonSchema } from "../src/reports/schema.ts";

/** Writes the published JSON Schemas from the zod schemas they stand for; `biome format --write schemas` afterwards. */
mkdirSync("schemas", { recursive: true });
writeFileSync("schemas/verification.v1.schema.json", `${JSON.stringify(verificationJsonSchema(), null, "\t")}\n`);
