import { compareUtf8 } from "../tensor/names.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { tensorByteLength } from "./byte-length.ts";

const SHARD_DIGITS = 5;

/** Name of the index beside the shards of `shardName`. */
export const SHARD_INDEX_NAME = "model.safetensors.index.json";

/** `model-00001-of-00002.safetensors`, or `model.safetensors` when it is the only one. `position` counts from 1. */
export function shardName(position: number, count: number): string {
	if (count === 1) return "model.safetensors";
	const [of, total] = [position, count].map((number) => String(number).padStart(SHARD_DIGITS, "0"));
	return `model-${of}-of-${total}.safetensors`;
}

/**
 * Splits tensors into shards of at most `maxShardSize` bytes of data, greedily in the given order.
 *
 * A tensor above the limit is a shard of its own, put before the one that is being filled. No tensors make one empty shard.
 * @see `split_state_dict_into_shards_factory` in huggingface_hub 2.4, serialization/_base.py
 */
export function planShards<T extends TensorInfo>(tensors: readonly T[], maxShardSize: number): T[][] {
	const shards: T[][] = [];
	let current: T[] = [];
	let currentSize = 0;
	for (const tensor of tensors) {
		const size = tensorByteLength(tensor);
		if (size > maxShardSize) {
			shards.push([tensor]);
			continue;
		}
		if (currentSize + size > maxShardSize) {
			shards.push(current);
			current = [];
			currentSize = 0;
		}
		current.push(tensor);
		currentSize += size;
	}
	if (current.length > 0 || shards.length === 0) shards.push(current);
	return shards;
}

/**
 * Text of an index as Python's `json.dumps(index, indent=2, sort_keys=True) + "\n"` writes it, which is what transformers
 * saves: sorted by code point, all but ASCII escaped.
 *
 * `totalSize` is the sum of the tensors' bytes without headers; `weightMap` maps tensors to shards.
 */
export function serializeShardIndex(
	totalSize: number,
	weightMap: ReadonlyMap<string, string>,
	metadata: ReadonlyMap<string, string> = new Map(),
): string {
	const texts = [...metadata].map(([key, value]): [string, string] => [key, pythonString(value)]);
	const total: [string, string] = ["total_size", String(totalSize)];
	const shards = [...weightMap].map(([tensor, shard]): [string, string] => [tensor, pythonString(shard)]);
	const lines = [
		"{",
		`  "metadata": ${pythonObject([...new Map([...texts, total])])},`,
		`  "weight_map": ${pythonObject(shards)}`,
		"}",
	];
	return `${lines.join("\n")}\n`;
}

/** An object inside an object, with its values already as JSON. */
function pythonObject(entries: readonly [string, string][]): string {
	if (entries.length === 0) return "{}";
	const sorted = entries.toSorted(([a], [b]) => compareUtf8(a, b));
	return `{\n${sorted.map(([key, value]) => `    ${pythonString(key)}: ${value}`).join(",\n")}\n  }`;
}

/** JSON in ASCII: Python escapes DEL too. */
function pythonString(text: string): string {
	return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => {
		return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
	});
}
