import { stat } from "node:fs/promises";
import type { InputIdentity } from "../output/target.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** What no output may be: the weight files of checkpoints and the folders that were given, symlinks resolved. What is not on this machine cannot be overwritten. */
export async function identitiesOf(checkpoints: readonly Checkpoint[]): Promise<InputIdentity[]> {
	const files = checkpoints.flatMap((checkpoint) => checkpoint.files.flatMap(({ source }) => source.file ?? []));
	const folders = checkpoints.flatMap(({ folder }) => folder?.path ?? []);
	const ofFolders = folders.map(async (path): Promise<InputIdentity> => {
		const { dev, ino } = await stat(path, { bigint: true });
		return { name: path, device: dev, inode: ino };
	});
	return [
		...files.map(({ path, device, inode }) => ({ name: path, device, inode })),
		...(await Promise.all(ofFolders)),
	];
}
