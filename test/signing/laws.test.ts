import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkSignature } from "../../src/checks/signature.ts";
import { signedFolder } from "./folders.ts";

/** Any name that file systems hold; `f` keeps files and folders apart, and git's names away. */
const path = fc
	.tuple(fc.nat(2), fc.string({ unit: "binary", maxLength: 8 }))
	.map(([depth, name]) => `${"d/".repeat(depth)}f${name.replace(/[/\0]/g, "_")}`);

const files = fc.dictionary(path, fc.uint8Array({ maxLength: 200 }), { minKeys: 1, maxKeys: 6 });
const curves = fc.constantFrom("P-256", "P-384", "P-521");

const changes: Readonly<Record<string, (file: string) => Promise<void>>> = {
	"a byte appended": (file) => appendFile(file, "x"),
	"the last bit flipped": async (file) => {
		const bytes = await readFile(file);
		const last = bytes.at(-1);
		if (last === undefined) return appendFile(file, "x");
		bytes[bytes.length - 1] = last ^ 1;
		await writeFile(file, bytes);
	},
	removed: (file) => rm(file),
	"another beside it": (file) => writeFile(`${file}+`, ""),
};

test("whatever is signed holds, and no longer after any one change", async () => {
	await fc.assert(
		fc.asyncProperty(
			files,
			curves,
			fc.constantFrom(...Object.keys(changes)),
			fc.nat(),
			async (contents, curve, change, at) => {
				const { folder, signature, publicKey } = await signedFolder(contents, curve);
				const options = { signature, key: publicKey };
				expect(await checkSignature(folder, options)).toMatchObject({ status: "passed", findings: [] });

				const names = Object.keys(contents);
				await changes[change]?.(join(folder, names[at % names.length] ?? ""));
				const { status, findings } = await checkSignature(folder, options);
				expect({ status, findings: findings.length }).toEqual({ status: "failed", findings: 1 });
			},
		),
		{ numRuns: 60 },
	);
});
