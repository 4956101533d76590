import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseHeader } from "../../src/safetensors/header.ts";
import { serializeHeader } from "../../src/safetensors/serialize.ts";
import { DTYPES, isDtype } from "../../src/tensor/dtype.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";

const WRITTEN = fileURLToPath(new URL("../../fixtures/headers/written/", import.meta.url));
const NO_METADATA: ReadonlyMap<string, string> = new Map();

function parse(bytes: Buffer, dataByteLength: number) {
	return parseHeader(bytes.subarray(8), { name: "a.safetensors", fileByteLength: bytes.length + dataByteLength });
}

describe("serializeHeader", () => {
	it.each(readdirSync(WRITTEN).filter((file) => file.endsWith(".safetensors")))(
		"writes the bytes of the reference for %s",
		(file) => {
			const bytes = readFileSync(WRITTEN + file);
			const dataStart = 8 + Number(bytes.readBigUInt64LE());
			const { tensors, metadata } = parse(bytes.subarray(0, dataStart), bytes.length - dataStart);
			expect(serializeHeader(tensors.toReversed(), metadata).bytes.toString()).toBe(
				bytes.toString("utf8", 0, dataStart),
			);
		},
	);

	it("round-trips any tensors and metadata, in canonical order and aligned", () => {
		const text = fc.string({ unit: "binary" });
		const tensor: fc.Arbitrary<TensorInfo> = fc.record({
			name: text.filter((name) => name !== "__metadata__"),
			dtype: fc.constantFrom(...Object.keys(DTYPES).filter(isDtype)),
			shape: fc
				.array(
					fc.nat(5).map((dimension) => dimension * 4),
					{ maxLength: 4 },
				)
				.map((shape) => [...shape, 4]),
		});
		const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 20 });
		fc.assert(
			fc.property(tensors, fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key }), (infos, entries) => {
				const { bytes, tensors: stored } = serializeHeader(infos, new Map(entries));
				const header = parse(bytes, stored.at(-1)?.end ?? 0);
				expect(header.tensors).toEqual(stored);
				expect(new Map(header.metadata)).toEqual(new Map(entries));
				expect(new Set(stored.map(({ name }) => name))).toEqual(new Set(infos.map(({ name }) => name)));
				expect(bytes.length % 8).toBe(0);
				for (const { dtype, begin } of stored) expect(begin % Math.max(1, Math.floor(DTYPES[dtype].bits / 8))).toBe(0);
			}),
		);
	});

	it("sorts metadata keys by their UTF-8 bytes and leaves an empty map out", () => {
		const metadata = new Map([
			["\u{1f600}", "3"],
			["\uffff", "2"],
			["b", "1"],
		]);
		expect(serializeHeader([], metadata).bytes.toString("utf8", 8).trimEnd()).toBe(
			'{"__metadata__":{"b":"1","\uffff":"2","\u{1f600}":"3"}}',
		);
		expect(serializeHeader([], NO_METADATA).bytes.toString("utf8", 8)).toBe("{}      ");
	});

	it.each<[string, string, readonly TensorInfo[], ReadonlyMap<string, string>]>([
		["a name that repeats", "ERR_HEADER_DUPLICATE", [u8("t"), { ...u8("t"), dtype: "F32" }], NO_METADATA],
		["a tensor named __metadata__", "ERR_HEADER_DUPLICATE", [u8("__metadata__")], NO_METADATA],
		["half a surrogate pair in a name", "ERR_HEADER_ENCODING", [u8("\ud800")], NO_METADATA],
		["half a surrogate pair in metadata", "ERR_HEADER_ENCODING", [], new Map([["k", "\udc00"]])],
		["bits that fill no byte", "ERR_TENSOR_SIZE", [{ name: "t", dtype: "F4", shape: [3] }], NO_METADATA],
		["a size beyond 64 bits", "ERR_TENSOR_SIZE", [{ name: "t", dtype: "F32", shape: [2n ** 62n] }], NO_METADATA],
		["a header above 100,000,000 bytes", "ERR_HEADER_TOO_LARGE", [], new Map([["k", "v".repeat(100_000_000)]])],
	])("refuses %s", (_, code, tensors, metadata) => {
		expect(() => serializeHeader(tensors, metadata)).toThrow(expect.objectContaining({ code }));
	});

	it("writes a header of exactly 100,000,000 bytes", () => {
		const overhead = '{"__metadata__":{"k":""}}'.length;
		const { bytes } = serializeHeader([], new Map([["k", "v".repeat(100_000_000 - overhead)]]));
		expect(bytes.readBigUInt64LE()).toBe(100_000_000n);
	});
});

function u8(name: string): TensorInfo {
	return { name, dtype: "U8", shape: [1] };
}
