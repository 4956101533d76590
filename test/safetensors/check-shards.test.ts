import { describe, expect, it } from "vitest";
import { checkShards } from "../../src/safetensors/check-shards.ts";
import { type Header, parseHeader } from "../../src/safetensors/header.ts";
import { serializeHeader } from "../../src/safetensors/serialize.ts";
import { parseShardIndex, type ShardIndex } from "../../src/safetensors/shard-index.ts";

const ONE = "m-00001-of-00002.safetensors";
const TWO = "m-00002-of-00002.safetensors";

function index(weightMap: Readonly<Record<string, string>>, totalSize?: number): ShardIndex {
	const metadata = totalSize === undefined ? {} : { metadata: { total_size: totalSize } };
	return parseShardIndex(Buffer.from(JSON.stringify({ ...metadata, weight_map: weightMap })), "index.json");
}

/** A shard with tensors of 4 bytes. */
function shard(...names: readonly string[]): Header {
	const infos = names.map((name) => ({ name, dtype: "F32" as const, shape: [] }));
	const { bytes } = serializeHeader(infos, new Map());
	return parseHeader(bytes.subarray(8), { name: "shard", fileByteLength: bytes.length + 4 * names.length });
}

function messages(checked: ShardIndex, ...headers: readonly [string, Header][]): string[] {
	return checkShards(checked, new Map(headers)).map(({ code, message }) => `${code} ${message}`);
}

describe("checkShards", () => {
	it("finds nothing where index and shards agree", () => {
		expect(messages(index({ a: ONE, b: TWO, c: TWO }, 12), [ONE, shard("a")], [TWO, shard("b", "c")])).toEqual([]);
	});

	it("reports a tensor that its shard lacks", () => {
		expect(messages(index({ a: ONE, b: ONE }), [ONE, shard("a")])).toEqual([
			`ERR_INDEX_MISMATCH Cannot use "index.json": found "b" missing from "${ONE}", expected them where weight_map says`,
		]);
	});

	it("reports a tensor of a shard that is not mapped", () => {
		expect(messages(index({ a: ONE }), [ONE, shard("a", "b")])).toEqual([
			`ERR_INDEX_MISMATCH Cannot use "index.json": found "b" in "${ONE}" only, expected them in weight_map too`,
		]);
	});

	it("reports a tensor that is in two shards", () => {
		expect(messages(index({ a: ONE, b: TWO }), [ONE, shard("a")], [TWO, shard("a", "b")])).toEqual([
			`ERR_INDEX_MISMATCH Cannot use "index.json": found "a" in "${TWO}", expected them in the shard that weight_map says`,
		]);
	});

	it("reports a shard that is not there", () => {
		expect(messages(index({ a: ONE, b: TWO }, 8), [ONE, shard("a")])).toEqual([
			`ERR_INDEX_MISMATCH Cannot use "index.json": found no shard "${TWO}", expected every shard that weight_map names`,
		]);
	});

	it("reports a wrong total_size", () => {
		expect(messages(index({ a: ONE }, 5), [ONE, shard("a")])).toEqual([
			'ERR_INDEX_MISMATCH Cannot use "index.json": found a total_size of 5, expected 4, the bytes of all tensors',
		]);
	});

	it("shows three of many names and their number", () => {
		expect(messages(index({ a: ONE }), [ONE, shard("a", "b", "c", "d", "e")])).toEqual([
			expect.stringContaining('found "b", "c", "d", … (4) in'),
		]);
	});
});
