import type { Companion } from "../checkpoint/companions.ts";
import { tensorByteLength } from "../safetensors/byte-length.ts";
import { compareCanonical, serializeHeader } from "../safetensors/serialize.ts";
import { planShards, SHARD_INDEX_NAME, serializeShardIndex, shardName } from "../safetensors/write-shards.ts";
import type { StoredTensor, TensorInfo } from "../tensor/tensor.ts";

/** A weight file of the output before it is written. */
export interface PlannedFile {
	readonly name: string;
	/** Length word and JSON, to be written at 0. */
	readonly header: Buffer;
	readonly dataStart: number;
	readonly tensors: readonly StoredTensor[];
	readonly byteLength: number;
}

/** Weight files and, if there are several, their index. */
export interface WeightSet {
	readonly files: readonly PlannedFile[];
	readonly index: { readonly name: string; readonly bytes: Buffer } | undefined;
}

/** A small file that is written whole. */
export type SmallFile = Pick<Companion, "name" | "bytes">;

/** Of shards only the index holds the metadata; each shard says what every reader needs. Source: huggingface_hub. */
const SHARD_METADATA: ReadonlyMap<string, string> = new Map([["format", "pt"]]);

/**
 * Lays out the output's weight files in canonical order: names, headers, offsets, lengths.
 *
 * The same tensors with metadata of the same length give the same offsets.
 * @param maxShardSize bytes of tensors in one shard; undefined writes one file called `fileName`
 */
export function planWeightSet(
	tensors: readonly TensorInfo[],
	metadata: ReadonlyMap<string, string>,
	{ fileName, maxShardSize }: { readonly fileName: string; readonly maxShardSize: number | undefined },
): WeightSet {
	const ordered = tensors.toSorted(compareCanonical);
	const shards = maxShardSize === undefined ? [ordered] : planShards(ordered, maxShardSize);
	if (shards.length === 1) return { files: [planFile(fileName, ordered, metadata)], index: undefined };
	const files = shards.map((shard, number) => planFile(shardName(number + 1, shards.length), shard, SHARD_METADATA));
	const weightMap = new Map(files.flatMap(({ name, tensors: held }) => held.map((tensor) => [tensor.name, name])));
	const totalSize = ordered.reduce((sum, tensor) => sum + tensorByteLength(tensor), 0);
	const bytes = Buffer.from(serializeShardIndex(totalSize, weightMap, metadata));
	return { files, index: { name: SHARD_INDEX_NAME, bytes } };
}

function planFile(name: string, tensors: readonly TensorInfo[], metadata: ReadonlyMap<string, string>): PlannedFile {
	const { bytes, tensors: stored } = serializeHeader(tensors, metadata);
	const dataByteLength = stored.at(-1)?.end ?? 0;
	return {
		name,
		header: bytes,
		dataStart: bytes.length,
		tensors: stored,
		byteLength: bytes.length + dataByteLength,
	};
}
