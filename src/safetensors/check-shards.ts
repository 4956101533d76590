import { ClipSoupError } from "../errors.ts";
import type { Header } from "./header.ts";
import { quote } from "./quote.ts";
import type { ShardIndex } from "./shard-index.ts";

/** Names that a message and its details show of many. */
const MAX_SHOWN_NAMES = 3;

/**
 * Compares an index with the headers of its shards: one ERR_INDEX_MISMATCH per shard and broken rule, none if they agree.
 *
 * Every mapped tensor is in its shard and in no other, no tensor of a shard is unmapped, and `total_size`, if given, is the
 * sum of the tensors' bytes.
 */
export function checkShards(index: ShardIndex, headers: ReadonlyMap<string, Header>): ClipSoupError[] {
	const mapped = namesByShard(index);
	const faults = index.shards.flatMap((shard) => {
		const header = headers.get(shard);
		if (header === undefined) return [mismatch(index, `no shard ${quote(shard)}`, "every shard that weight_map names")];
		return checkShard(index, shard, header, mapped.get(shard) ?? []);
	});
	return [...faults, ...checkTotalSize(index, headers)];
}

function namesByShard(index: ShardIndex): ReadonlyMap<string, readonly string[]> {
	const names = new Map<string, string[]>(index.shards.map((shard) => [shard, []]));
	for (const [tensor, shard] of index.weightMap) names.get(shard)?.push(tensor);
	return names;
}

function checkShard(index: ShardIndex, shard: string, header: Header, mapped: readonly string[]): ClipSoupError[] {
	const stored = new Set(header.tensors.map(({ name }) => name));
	const names = [...stored];
	const where = quote(shard);
	return [
		...report(
			index,
			mapped.filter((name) => !stored.has(name)),
			`missing from ${where}`,
			"them where weight_map says",
		),
		...report(
			index,
			names.filter((name) => !index.weightMap.has(name)),
			`in ${where} only`,
			"them in weight_map too",
		),
		...report(
			index,
			names.filter((name) => isElsewhere(index, name, shard)),
			`in ${where}`,
			"them in the shard that weight_map says",
		),
	];
}

function isElsewhere({ weightMap }: ShardIndex, name: string, shard: string): boolean {
	return weightMap.has(name) && weightMap.get(name) !== shard;
}

function checkTotalSize(index: ShardIndex, headers: ReadonlyMap<string, Header>): ClipSoupError[] {
	const { totalSize, shards } = index;
	if (totalSize === undefined || shards.some((shard) => !headers.has(shard))) return [];
	const sum = shards.reduce((bytes, shard) => bytes + (headers.get(shard)?.dataByteLength ?? 0), 0);
	return sum === totalSize ? [] : [mismatch(index, `a total_size of ${totalSize}`, `${sum}, the bytes of all tensors`)];
}

function report(index: ShardIndex, names: readonly string[], where: string, expected: string): ClipSoupError[] {
	if (names.length === 0) return [];
	const shown = names.slice(0, MAX_SHOWN_NAMES);
	const rest = names.length > shown.length ? `, … (${names.length})` : "";
	return [mismatch(index, `${shown.map(quote).join(", ")}${rest} ${where}`, expected, shown)];
}

function mismatch(index: ShardIndex, found: string, expected: string, tensors: readonly string[] = []): ClipSoupError {
	return new ClipSoupError(
		"ERR_INDEX_MISMATCH",
		`Cannot use ${quote(index.name)}: found ${found}, expected ${expected}`,
		{
			fix: "take the index and all its shards from one revision",
			details: { file: index.name, tensors, found, expected },
		},
	);
}
