import type { LayoutId } from "../layouts/detect.ts";

/** Says that a layout's own library does not read the shards that were asked for. */
export function shardNotices(layout: LayoutId | undefined, maxShardSize: number | undefined): string[] {
	if (maxShardSize === undefined || layout !== "timm") return [];
	return ["timm itself reads no shards: leave --max-shard-size out for it"];
}
