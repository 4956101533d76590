import { ClipSoupError } from "../errors.ts";
import type { Target } from "../layouts/index.ts";
import type { OutputTarget } from "../output/target.ts";

/** @throws {ClipSoupError} ERR_USAGE if shards are asked for and none of the targets can be shards */
export function refuseShards(targets: readonly Target[], output: OutputTarget, maxShardSize: number | undefined): void {
	if (maxShardSize === undefined) return;
	const reasons = new Set(targets.map(({ oneFile }) => oneFile));
	const isFile = output.kind === "file";
	if (!isFile && (reasons.size === 0 || reasons.has(undefined))) return;
	throw new ClipSoupError(
		"ERR_USAGE",
		`Cannot write shards: ${isFile ? "the output is one file" : [...reasons].join(", ")}`,
		{
			fix: isFile ? "name a folder with -o, or leave --max-shard-size out" : "leave --max-shard-size out",
		},
	);
}

/** Says which targets stay one file although shards were asked for, and what does not read those that are written. */
export function shardNotices(targets: readonly Target[], maxShardSize: number | undefined): string[] {
	if (maxShardSize === undefined) return [];
	return targets.flatMap(({ id, oneFile, folders }) => {
		if (oneFile !== undefined) return [`${id}: the weights are one file, since ${oneFile}`];
		const timm = folders.find(({ layout }) => layout.family === "timm");
		return timm === undefined ? [] : [`${id}: transformers reads ${timm.name}/ in shards, timm itself does not`];
	});
}
