import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/errors.ts";
import { inspect } from "../../src/inspect.ts";
import { runCli } from "../support/run-cli.ts";
import { expectFailure, namesIn, tellOf, UNTOUCHED, workspace } from "./expectations.ts";

const FOLDER = resolve("fixtures/headers");

interface HeaderCase {
	readonly name: string;
	readonly ours: "accept" | "reject";
}

const CASES: readonly HeaderCase[] = JSON.parse(readFileSync(join(FOLDER, "cases.json"), "utf8"));

interface Expected {
	readonly code: ErrorCode;
	readonly says: RegExp;
	readonly fix: RegExp;
	readonly cases: readonly string[];
}

const SAVE_AGAIN = /save the file again/;
const DOWNLOAD_AGAIN = /download it again/;

/** What a user is told of every refused file; the codes of the format, one by one. */
const EXPECTED: readonly Expected[] = [
	{ code: "ERR_HEADER_TOO_SMALL", says: /7 bytes/, fix: DOWNLOAD_AGAIN, cases: ["seven-byte-file"] },
	{
		code: "ERR_HEADER_TOO_LARGE",
		says: /expected at most 100000000/,
		fix: /make sure that it is a safetensors file/,
		cases: ["n-cap-plus-one", "n-u64-max"],
	},
	{ code: "ERR_HEADER_LENGTH", says: /header length/, fix: /./, cases: ["n-zero", "n-beyond-file"] },
	{
		code: "ERR_HEADER_ENCODING",
		says: /UTF-8|a byte order mark/,
		fix: SAVE_AGAIN,
		cases: ["bom", "bad-utf8", "bad-utf8-in-name"],
	},
	{
		code: "ERR_HEADER_JSON",
		says: /at byte \d+ of the header's \d+/,
		fix: SAVE_AGAIN,
		cases: [
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
	},
	{
		code: "ERR_HEADER_DUPLICATE",
		says: /twice, expected every name once/,
		fix: SAVE_AGAIN,
		cases: ["dup-tensor-same", "dup-tensor-hole", "dup-metadata", "dup-field"],
	},
	{
		code: "ERR_HEADER_METADATA",
		says: /"__metadata__/,
		fix: SAVE_AGAIN,
		cases: ["meta-number", "meta-object", "meta-null-value", "meta-array"],
	},
	{
		code: "ERR_TENSOR_ENTRY",
		says: /expected/,
		fix: SAVE_AGAIN,
		cases: [
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
	},
	{ code: "ERR_TENSOR_DTYPE", says: /expected one of BOOL/, fix: SAVE_AGAIN, cases: ["dtype-unknown", "dtype-lower"] },
	{
		code: "ERR_TENSOR_OFFSETS",
		says: /data_offsets \[\d+, \d+\]/,
		fix: SAVE_AGAIN,
		cases: ["reversed-offsets", "starts-late", "hole", "overlap", "same-range-twice"],
	},
	{
		code: "ERR_TENSOR_SIZE",
		says: /(bits of data|bytes for)/,
		fix: SAVE_AGAIN,
		cases: ["overflow-shape", "size-mismatch", "f4-odd"],
	},
	{ code: "ERR_FILE_TRUNCATED", says: /missing: \d+/, fix: DOWNLOAD_AGAIN, cases: ["truncated-data"] },
	{ code: "ERR_FILE_TRAILING_BYTES", says: /too many: \d+/, fix: DOWNLOAD_AGAIN, cases: ["trailing-bytes"] },
];

/** Files that are something else: what they are called, and the cure. */
const FOREIGN: Readonly<Record<string, readonly [RegExp, RegExp]>> = {
	"zero-byte-file": [/an empty file/, DOWNLOAD_AGAIN],
	"git-lfs-pointer": [/a Git LFS pointer/, /git lfs pull/],
	html: [/a web page/, /with a token if the model is gated/],
	"zip-pickle": [/a zip archive, as PyTorch saves/, /safetensors\.torch\.save_file/],
	pickle: [/a Python pickle/, /safetensors\.torch\.save_file/],
	gguf: [/a GGUF file/, /give the \.safetensors file/],
};

const ROWS = [
	...EXPECTED.flatMap(({ code, says, fix, cases }) => cases.map((name) => ({ name, code, says, fix }))),
	...Object.entries(FOREIGN).map(([name, [says, fix]]) => ({ name, code: "ERR_FOREIGN_FORMAT" as const, says, fix })),
];

describe("inspect", () => {
	it.each(ROWS)("refuses $name with $code", async ({ name, code, says, fix }) => {
		const told = await tellOf(() => inspect(join(FOLDER, `${name}.safetensors`)));
		expectFailure(told, { code, says: [`${name}.safetensors`, says], fix });
	});

	it("tells on the command line what the library throws", async () => {
		const file = join(FOLDER, "hole.safetensors");
		expect(await runCli(["inspect", file])).toMatchObject(await tellOf(() => inspect(file)));
	});
});

it("every refused case of the reference is in the table", () => {
	const refused = CASES.filter(({ ours }) => ours === "reject").map(({ name }) => name);
	expect(ROWS.map(({ name }) => name).sort()).toEqual(refused.sort());
});

it("avg tells the faults of all headers in one report and writes nothing", async () => {
	const { folder, a } = await workspace();
	const files = ["hole", "gguf", "truncated-data"].map((name) => join(FOLDER, `${name}.safetensors`));
	const run = await runCli(["avg", a, ...files, "-o", "out/"], { cwd: folder });
	expectFailure(run, {
		code: "ERR_TENSOR_OFFSETS",
		says: ["hole.safetensors", /ERR_FOREIGN_FORMAT.*gguf/, /ERR_FILE_TRUNCATED.*truncated-data/, "3 faults"],
		fix: DOWNLOAD_AGAIN,
	});
	expect(await namesIn(folder)).toEqual(UNTOUCHED);
});

it("a name with control characters cannot move the cursor", async () => {
	const { folder, write } = await workspace();
	await write("x.safetensors", { "\u001b[2Jgone\u009b": { dtype: "F32", shape: [1], values: [1] } });
	const listed = await runCli(["inspect", "x.safetensors", "--tensors"], { cwd: folder });
	expect(listed.stdout).toContain("\\u001b[2Jgone\\u009b");
	const failed = await runCli(["avg", "x.safetensors", "a.safetensors"], { cwd: folder });
	expect(failed.stderr).toContain("\\u001b[2Jgone\\u009b");
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
	expect(listed.stdout + failed.stderr).not.toMatch(/[\u001b\u009b]/);
});
