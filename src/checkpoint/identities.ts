import { stat } from "node:fs/promises";
import type { InputIdentity } from "../output/target.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** What no output may be: the weight files of checkpoints and the folders that were given, symlinks resolved. What is not on this machine cannot be overwritten. */
export async function identitiesOf(checkpoints: readonly Checkpoint[]): Promise<InputIdentity[]> {
	const files = checkpoints.flatMap((checkpoint) => checkpoint.files.flatMap(({ source }) => source.file ?? []));
	const folders = checkpoints.flatMap(({ folder }) => folder?.path ?? []);
	return [...files.map(({ path, device, inode }) => ({ name: path, device, inode })), ...(await identitiesAt(folders))];
}

/** What no output may be: these files and folders, symlinks resolved. One that does not exist cannot be overwritten. */
export async function identitiesAt(paths: readonly string[]): Promise<InputIdentity[]> {
	const found = await Promise.all(paths.map((path) => stat(path, { bigint: true }).catch(() => undefined)));
	return paths.flatMap((name, index) => {
		const stats = found[index];
		return stats === undefined ? [] : [{ name, device: stats.dev, inode: stats.ino }];
	});
}
