import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseShardIndex } from "../../src/safetensors/shard-index.ts";
import { planShards, serializeShardIndex, shardName } from "../../src/safetensors/write-shards.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";

function tensors(...sizes: readonly number[]): TensorInfo[] {
	return sizes.map((size, position) => ({ name: String(position), dtype: "U8", shape: [size] }));
}

function plannedSizes(maxShardSize: number, ...sizes: readonly number[]): unknown[][] {
	return planShards(tensors(...sizes), maxShardSize).map((shard) => shard.map(({ shape }) => shape[0]));
}

describe("planShards", () => {
	it("fills shards greedily in the given order, as huggingface_hub documents it", () => {
		expect(plannedSizes(10, 6, 6, 2, 6, 2, 2)).toEqual([[6], [6, 2], [6, 2, 2]]);
	});

	it("fills a shard to the limit", () => {
		expect(plannedSizes(10, 5, 5, 1)).toEqual([[5, 5], [1]]);
	});

	it("gives a tensor above the limit a shard of its own and goes on filling the other", () => {
		expect(plannedSizes(10, 4, 11, 6)).toEqual([[11], [4, 6]]);
		expect(plannedSizes(10, 11)).toEqual([[11]]);
	});

	it("makes one shard of no tensors", () => {
		expect(plannedSizes(10)).toEqual([[]]);
	});

	it("keeps every tensor once and no shard of several above the limit", () => {
		fc.assert(
			fc.property(fc.array(fc.nat(20), { minLength: 1 }), fc.integer({ min: 1, max: 30 }), (sizes, maxShardSize) => {
				const shards = planShards(tensors(...sizes), maxShardSize);
				const names = shards.flat().map(({ name }) => name);
				expect(names.toSorted()).toEqual(sizes.map((_, position) => String(position)).toSorted());
				for (const shard of shards) {
					const size = shard.reduce((sum, { shape }) => sum + Number(shape[0]), 0);
					expect(shard.length === 1 || (shard.length > 1 && size <= maxShardSize)).toBe(true);
				}
			}),
		);
	});
});

describe("shardName", () => {
	it("counts with five digits, and not at all when there is one", () => {
		expect(shardName(1, 2)).toBe("model-00001-of-00002.safetensors");
		expect(shardName(123, 10_000)).toBe("model-00123-of-10000.safetensors");
		expect(shardName(1, 1)).toBe("model.safetensors");
	});
});

describe("serializeShardIndex", () => {
	const path = new URL("../../fixtures/headers/written/model.safetensors.index.json", import.meta.url);

	it("writes the bytes of Python's json.dumps", () => {
		const expected = readFileSync(path);
		const { totalSize = 0, weightMap, metadata } = parseShardIndex(expected, "index");
		expect(serializeShardIndex(totalSize, new Map([...weightMap].reverse()), metadata)).toBe(expected.toString());
	});

	it("writes its own total_size whatever the metadata says", () => {
		const text = serializeShardIndex(3, new Map(), new Map([["total_size", "4"]]));
		expect(text).toBe('{\n  "metadata": {\n    "total_size": 3\n  },\n  "weight_map": {}\n}\n');
	});
});
