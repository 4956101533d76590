import { posix } from "node:path";
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

/** The weight files of an output and the indexes of those that are shards. */
export interface WeightSet {
	readonly files: readonly PlannedFile[];
	readonly indexes: readonly SmallFile[];
}

/** A small file that is written whole. */
export type SmallFile = Pick<Companion, "name" | "bytes">;

/** Of shards only the index holds the metadata; each shard says what every reader needs. Source: huggingface_hub. */
const SHARD_METADATA: ReadonlyMap<string, string> = new Map([["format", "pt"]]);

export interface WeightSetOptions {
	/** Name of the one file, without shards. */
	readonly fileName: string;
	/** Bytes of tensors in one shard; undefined writes one file. */
	readonly maxShardSize: number | undefined;
	/** Folder below the output's, as in `vision`. */
	readonly folder?: string;
}

/**
 * Lays out the output's weight files in canonical order: names, headers, offsets, lengths.
 *
 * The same tensors with metadata of the same length give the same offsets.
 */
export function planWeightSet(
	tensors: readonly TensorInfo[],
	metadata: ReadonlyMap<string, string>,
	{ fileName, maxShardSize, folder = "" }: WeightSetOptions,
): WeightSet {
	const ordered = tensors.toSorted(compareCanonical);
	const shards = maxShardSize === undefined ? [ordered] : planShards(ordered, maxShardSize);
	if (shards.length === 1) return { files: [planFile(posix.join(folder, fileName), ordered, metadata)], indexes: [] };
	const names = shards.map((_, number) => shardName(number + 1, shards.length));
	const files = shards.map((shard, number) => planFile(posix.join(folder, names[number] ?? ""), shard, SHARD_METADATA));
	const weightMap = new Map(
		files.flatMap(({ tensors: held }, number) => held.map((tensor) => [tensor.name, names[number] ?? ""])),
	);
	const totalSize = ordered.reduce((sum, tensor) => sum + tensorByteLength(tensor), 0);
	const bytes = Buffer.from(serializeShardIndex(totalSize, weightMap, metadata));
	return { files, indexes: [{ name: posix.join(folder, SHARD_INDEX_NAME), bytes }] };
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
