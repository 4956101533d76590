import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isClipSoupError } from "../../src/errors.ts";
import { type Header, parseHeader } from "../../src/safetensors/header.ts";

function parse(json: string | Buffer, dataByteLength = 0): Header {
	const bytes = Buffer.from(json);
	return parseHeader(bytes, { name: "a.safetensors", fileByteLength: 8 + bytes.length + dataByteLength });
}

const entry = (name: string, shape: string, begin: number, end: number, rest = "") =>
	`${JSON.stringify(name)}:{"dtype":"U8","shape":${shape},"data_offsets":[${begin},${end}]${rest}}`;

function codeOf(action: () => unknown): string {
	try {
		action();
		return "accept";
	} catch (error) {
		return isClipSoupError(error) ? error.code : String(error);
	}
}

describe("parseHeader", () => {
	it("gives tensors in data order, empty ones before what begins with them", () => {
		const { tensors } = parse(`{${entry("b", "[2]", 1, 3)},${entry("a", "[1]", 0, 1)},${entry("e", "[0]", 1, 1)}}`, 3);
		expect(tensors.map(({ name }) => name)).toEqual(["a", "e", "b"]);
	});

	it("keeps the order of the header among empty tensors at one place", () => {
		const names = ["z", "m", "a"];
		const { tensors } = parse(`{${names.map((name) => entry(name, "[0]", 0, 0)).join(",")}}`);
		expect(tensors.map(({ name }) => name)).toEqual(names);
	});

	it("keeps names that are special to JavaScript objects apart from them", () => {
		const names = ["10", "9", "__proto__", "constructor", ""];
		const json = names.map((name, position) => entry(name, "[1]", position, position + 1)).join(",");
		expect(parse(`{${json}}`, names.length).tensors.map(({ name }) => name)).toEqual(names);
	});

	it("keeps dimensions above 2^53 − 1 exact", () => {
		const { tensors } = parse(
			`{${entry("t", "[9007199254740991,9007199254740993,0]", 0, 0).replace("[9007", "[0,9007")}}`,
		);
		expect(tensors[0]?.shape).toEqual([0, 9007199254740991, 9007199254740993n, 0]);
	});

	it("multiplies dimensions from left to right", () => {
		expect(codeOf(() => parse(`{${entry("t", "[0,9223372036854775808,4]", 0, 0)}}`))).toBe("accept");
		expect(codeOf(() => parse(`{${entry("t", "[9223372036854775808,4,0]", 0, 0)}}`))).toBe("ERR_TENSOR_SIZE");
	});

	it("refuses names that V8 would hash by their length alone", () => {
		const named = (length: number) => () => parse(`{${entry("n".repeat(length), "[1]", 0, 1)}}`, 1);
		expect(codeOf(named(16_383))).toBe("accept");
		expect(codeOf(named(16_384))).toBe("ERR_HEADER_JSON");
		const metadata = `{"__metadata__":{"${"k".repeat(16_384)}":""}}`;
		expect(codeOf(() => parse(metadata))).toBe("ERR_HEADER_JSON");
	});

	it("shares equal shapes, frozen", () => {
		const { tensors } = parse(`{${entry("a", "[1,1]", 0, 1)},${entry("b", "[1,1]", 1, 2)}}`, 2);
		expect(tensors[0]?.shape).toBe(tensors[1]?.shape);
		expect(Object.isFrozen(tensors[0]?.shape)).toBe(true);
	});

	it("reads past unknown fields as strictly as the rest", () => {
		const withExtra = (value: string) => () => parse(`{${entry("t", "[1]", 0, 1, `,"x":${value}`)}}`, 1);
		const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
		for (const value of ['{"a":[1,2.5e-3,"\\u00e9"],"a":null}', "1e-999", "true", nested(125)]) {
			expect(codeOf(withExtra(value)), value).toBe("accept");
		}
		for (const value of [
			"1e999",
			"01",
			"1.",
			"-",
			"+1",
			"tru",
			'"\\x"',
			'"\\ud800"',
			'"\t"',
			"[1,]",
			"{,}",
			"",
			nested(126),
		]) {
			expect(codeOf(withExtra(value)), value).toBe("ERR_HEADER_JSON");
		}
	});

	it("refuses a name spelled in two ways", () => {
		const json = `{${entry("t", "[0]", 0, 0)},"\\u0074":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`;
		expect(codeOf(() => parse(json))).toBe("ERR_HEADER_DUPLICATE");
	});

	it("refuses a metadata key that repeats", () => {
		expect(codeOf(() => parse('{"__metadata__":{"a":"1","a":"1"}}'))).toBe("ERR_HEADER_DUPLICATE");
	});

	it("refuses an end before the begin", () => {
		expect(codeOf(() => parse(`{${entry("a", "[4]", 0, 4)},${entry("b", "[2]", 4, 2)}}`, 4))).toBe(
			"ERR_TENSOR_OFFSETS",
		);
	});

	it("refuses more metadata than it keeps", () => {
		const entries = (count: number) => Array.from({ length: count }, (_, key) => `"${key}":""`).join(",");
		expect(codeOf(() => parse(`{"__metadata__":{${entries(1_000_000)}}}`))).toBe("accept");
		expect(codeOf(() => parse(`{"__metadata__":{${entries(1_000_001)}}}`))).toBe("ERR_HEADER_METADATA");
	});

	it("refuses an offset that no file reaches", () => {
		const json = '{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,9007199254740993]}}';
		expect(codeOf(() => parse(json))).toBe("ERR_TENSOR_OFFSETS");
	});

	it("refuses more dimensions than it keeps", () => {
		const ones = (rank: number) => `[${Array(rank).fill(1).join(",")}]`;
		expect(codeOf(() => parse(`{${entry("t", ones(1024), 0, 1)}}`, 1))).toBe("accept");
		expect(codeOf(() => parse(`{${entry("t", ones(1025), 0, 1)}}`, 1))).toBe("ERR_TENSOR_ENTRY");
	});

	it("names file, tensor, found and expected, and cuts a name that is very long", () => {
		const name = "n".repeat(1000);
		expect(() => parse(`{${entry(name, "[2]", 0, 1)}}`, 1)).toThrow(
			`Cannot read "${"n".repeat(200)}"… (1000 characters) of "a.safetensors": ` +
				"found data_offsets [0, 1], 1 bytes, expected 2 bytes for U8 [2]",
		);
	});
});

const SEED_HEADER = Buffer.from(
	`{"__metadata__":{"format":"pt","k":"\\u00e9\\n"},${entry("a", "[2,3]", 0, 6)},${entry("é😀", "[1]", 6, 7, ',"x":[1,{"y":null}]')}} `,
);
const SNIPPETS = [
	'"',
	"\\",
	"{",
	"}",
	"[",
	"]",
	",",
	":",
	"0",
	"-",
	"1e5",
	".5",
	"null",
	" ",
	"\0",
	"\\ud800",
	"é",
	'"a":',
	"18446744073709551616",
];

describe("parseHeader on mutated headers", () => {
	const position = fc.nat(SEED_HEADER.length);
	const mutation = fc.oneof(
		fc.tuple(
			position,
			fc.nat(3),
			fc.constantFrom(...SNIPPETS).map((text) => Buffer.from(text)),
		),
		fc.tuple(
			position,
			fc.nat(8),
			fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
		),
	);

	it("throws nothing but ClipSoupError, and reads what it accepts as JSON.parse does", () => {
		fc.assert(
			fc.property(fc.array(mutation, { maxLength: 3 }), fc.constantFrom(7, 0, 6, 8), (mutations, dataByteLength) => {
				const bytes = mutations.reduce(
					(buffer, [at, removed, added]) =>
						Buffer.concat([buffer.subarray(0, at), added, buffer.subarray(at + removed)]),
					SEED_HEADER,
				);
				let header: Header;
				try {
					header = parse(bytes, dataByteLength);
				} catch (error) {
					if (!isClipSoupError(error)) throw error;
					return;
				}
				expect(asParsed(header)).toEqual(knownFields(JSON.parse(bytes.toString())));
			}),
			{ numRuns: 5000 },
		);
	});
});

interface ParsedTensor {
	readonly dtype: string;
	readonly shape: readonly number[];
	readonly data_offsets: readonly number[];
}

/** What clip-soup keeps of a header that `JSON.parse` read: the metadata and three fields per tensor. */
function knownFields(parsed: Readonly<Record<string, ParsedTensor>>): Map<string, unknown> {
	const fields = Object.entries(parsed).map(([name, value]): [string, unknown] =>
		name === "__metadata__"
			? [name, value ?? {}]
			: [name, { dtype: value.dtype, shape: value.shape, data_offsets: value.data_offsets }],
	);
	return new Map([["__metadata__", {}], ...fields]);
}

function asParsed({ metadata, tensors }: Header): Map<string, unknown> {
	const fields = tensors.map(({ name, dtype, shape, begin, end }): [string, unknown] => [
		name,
		{ dtype, shape, data_offsets: [begin, end] },
	]);
	return new Map([["__metadata__", Object.fromEntries(metadata)], ...fields]);
}
