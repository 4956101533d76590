import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openLocalFile } from "../../src/bytes/local-file.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { readHeader } from "../../src/safetensors/read-header.ts";

const FOLDER = fileURLToPath(new URL("../../fixtures/headers/", import.meta.url));

interface Case {
	readonly name: string;
	readonly ours: "accept" | "reject";
}

const CASES: readonly Case[] = JSON.parse(readFileSync(`${FOLDER}cases.json`, "utf8"));

const REASONS: Readonly<Partial<Record<ErrorCode, readonly string[]>>> = {
	ERR_FOREIGN_FORMAT: ["zero-byte-file", "git-lfs-pointer", "html", "zip-pickle", "pickle", "gguf"],
	ERR_HEADER_TOO_SMALL: ["seven-byte-file"],
	ERR_HEADER_TOO_LARGE: ["n-cap-plus-one", "n-u64-max"],
	ERR_HEADER_LENGTH: ["n-zero", "n-beyond-file"],
	ERR_HEADER_ENCODING: ["bom", "bad-utf8", "bad-utf8-in-name"],
	ERR_HEADER_JSON: [
		"trailing-nul",
		"trailing-text",
		"trailing-comma",
		"top-null",
		"top-array",
		"dim-leading-zero",
		"name-lone-surrogate",
		"name-raw-newline",
		"deep-nesting",
	],
	ERR_HEADER_DUPLICATE: ["dup-tensor-same", "dup-tensor-hole", "dup-metadata", "dup-field"],
	ERR_HEADER_METADATA: ["meta-number", "meta-object", "meta-null-value", "meta-array"],
	ERR_TENSOR_ENTRY: [
		"no-shape",
		"tensor-null",
		"tensor-array",
		"scalar-top",
		"dim-negative",
		"dim-string",
		"dim-float",
		"dim-exp",
		"dim-2-64",
		"offset-minus-zero",
		"offset-float",
		"one-offset",
		"three-offsets",
	],
	ERR_TENSOR_DTYPE: ["dtype-unknown", "dtype-lower"],
	ERR_TENSOR_OFFSETS: ["reversed-offsets", "starts-late", "hole", "overlap", "same-range-twice"],
	ERR_TENSOR_SIZE: ["overflow-shape", "size-mismatch", "f4-odd"],
	ERR_FILE_TRUNCATED: ["truncated-data"],
	ERR_FILE_TRAILING_BYTES: ["trailing-bytes"],
};

async function outcome(name: string): Promise<string> {
	await using file = await openLocalFile(`${FOLDER}${name}.safetensors`);
	return readHeader(file).then(
		() => "accept",
		(error: { readonly code?: string }) => error.code ?? String(error),
	);
}

describe("readHeader", () => {
	it.each(CASES.filter(({ ours }) => ours === "accept"))("accepts $name", async ({ name }) => {
		expect(await outcome(name)).toBe("accept");
	});

	it.each(Object.entries(REASONS).flatMap(([code, names]) => names.map((name) => ({ code, name }))))(
		"refuses $name with $code",
		async ({ code, name }) => {
			expect(await outcome(name)).toBe(code);
		},
	);

	it("is tested on every refused case", () => {
		const refused = CASES.filter(({ ours }) => ours === "reject").map(({ name }) => name);
		expect(Object.values(REASONS).flat().toSorted()).toEqual(refused.toSorted());
	});
});
