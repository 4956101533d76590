import { describe, expect, it } from "vitest";
import { parseShardIndex, type ShardIndex } from "../../src/safetensors/shard-index.ts";

function parse(index: unknown): ShardIndex {
	const text = typeof index === "string" ? index : JSON.stringify(index);
	return parseShardIndex(Buffer.from(text), "model.safetensors.index.json");
}

const withShard = (path: string) => () => parse({ weight_map: { t: path } });

describe("parseShardIndex", () => {
	it("reads sizes, shards and the metadata that is text", () => {
		const index = parse({
			metadata: { total_size: 12, total_parameters: 3, format: "pt" },
			weight_map: {
				b: "m-00002-of-00002.safetensors",
				a: "m-00001-of-00002.safetensors",
				c: "m-00002-of-00002.safetensors",
			},
			extra: [1, { a: null }],
		});
		expect(index).toEqual({
			name: "model.safetensors.index.json",
			totalSize: 12,
			weightMap: new Map([
				["b", "m-00002-of-00002.safetensors"],
				["a", "m-00001-of-00002.safetensors"],
				["c", "m-00002-of-00002.safetensors"],
			]),
			shards: ["m-00002-of-00002.safetensors", "m-00001-of-00002.safetensors"],
			metadata: new Map([["format", "pt"]]),
		});
	});

	it("reads a total_size that was written as a float, or none", () => {
		expect(parse('{"metadata":{"total_size":28966928384.0},"weight_map":{}}').totalSize).toBe(28966928384);
		expect(parse({ weight_map: {} }).totalSize).toBeUndefined();
	});

	it.each([
		["no weight_map", "{}"],
		["a weight_map that is no object", '{"weight_map":["a"]}'],
		["a shard that is no string", '{"weight_map":{"a":1}}'],
		["a tensor mapped twice", '{"weight_map":{"a":"m.safetensors","a":"m.safetensors"}}'],
		["weight_map twice", '{"weight_map":{},"weight_map":{}}'],
		["total_size twice", '{"metadata":{"total_size":1,"total_size":1},"weight_map":{}}'],
		["a negative total_size", '{"metadata":{"total_size":-1},"weight_map":{}}'],
		["a fractional total_size", '{"metadata":{"total_size":1.5},"weight_map":{}}'],
		["a total_size that is text", '{"metadata":{"total_size":"1"},"weight_map":{}}'],
		["a trailing comma", '{"weight_map":{},}'],
		["text after it", '{"weight_map":{}}x'],
		["an empty file", ""],
	])("refuses %s", (_, text) => {
		expect(() => parse(text)).toThrow(expect.objectContaining({ code: "ERR_INDEX_INVALID" }));
	});

	it("refuses bytes that are not UTF-8", () => {
		const bytes = Buffer.from('{"weight_map":{"\xff":"m.safetensors"}}', "latin1");
		expect(() => parseShardIndex(bytes, "i")).toThrow(expect.objectContaining({ code: "ERR_INDEX_INVALID" }));
	});

	it("refuses more than 250 MB or 10,000 shards", () => {
		const invalid = expect.objectContaining({ code: "ERR_INDEX_INVALID" });
		const shards = (count: number) =>
			Object.fromEntries(Array.from({ length: count }, (_, position) => [`t${position}`, `${position}.safetensors`]));
		expect(parse({ weight_map: shards(10_000) }).shards).toHaveLength(10_000);
		expect(() => parse({ weight_map: shards(10_001) })).toThrow(invalid);
		expect(() => parseShardIndex(Buffer.alloc(250_000_001), "i")).toThrow(invalid);
	});

	it.each(["model.safetensors", "sub/model.safetensors", "mödel 1.safetensors", "..model.safetensors", ".safetensors"])(
		"accepts the shard %j",
		(path) => {
			expect(withShard(path)().shards).toEqual([path]);
		},
	);

	it.each([
		["a step up", "../model.safetensors"],
		["a step up inside", "sub/../../model.safetensors"],
		["a step up that stays inside", "sub/../model.safetensors"],
		["an absolute path", "/etc/model.safetensors"],
		["a UNC path with slashes", "//server/share/model.safetensors"],
		["a drive", "C:\\model.safetensors"],
		["a path relative to a drive", "C:model.safetensors"],
		["a drive with slashes", "C:/model.safetensors"],
		["the root of a drive", "\\model.safetensors"],
		["a UNC path", "\\\\server\\share\\model.safetensors"],
		["a step up with backslashes", "..\\model.safetensors"],
		["a backslash", "sub\\model.safetensors"],
		["a URL", "https://example.com/model.safetensors"],
		["a file URL", "file:///etc/model.safetensors"],
		["another extension", "pytorch_model-00001-of-00002.bin"],
		["an extension in another case", "model.SAFETENSORS"],
		["no extension", "model"],
		["nothing", ""],
		["a NUL", "model.safetensors\0.safetensors"],
		["a line feed", "model\n.safetensors"],
		["an empty step", "sub//model.safetensors"],
		["a dot step", "./model.safetensors"],
	])("refuses %s as shard", (_, path) => {
		expect(withShard(path)).toThrow(expect.objectContaining({ code: "ERR_INDEX_UNSAFE_PATH" }));
	});
});
