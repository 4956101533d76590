import type { Checkpoint, CheckpointTensor } from "../checkpoint/checkpoint.ts";
import type { StoredName } from "../layouts/assemble.ts";

/** A stored tensor and the number of the checkpoint it is in. */
export type StoredTensor = CheckpointTensor & { readonly folder: number };

/**
 * The stored tensors of checkpoints, in the order of the data.
 *
 * @param ignored those that a model does not take: of two with one name, they are left out. A text tower may come from
 *   a checkpoint of its own that holds an image tower too.
 */
export function storedTensors(
	checkpoints: readonly Checkpoint[],
	ignored: readonly StoredName[] = [],
): readonly StoredTensor[] {
	const isIgnored = new Set(ignored.map(storedKey));
	const isTwin = ({ folder, name }: StoredName) =>
		checkpoints.some(({ tensors }, other) => other !== folder && tensors.has(name));
	return checkpoints.flatMap(({ tensors }, folder) =>
		[...tensors.values()]
			.map((tensor) => ({ ...tensor, folder }))
			.filter((tensor) => !(isIgnored.has(storedKey(tensor)) && isTwin(tensor))),
	);
}

/** Tells stored tensors of several checkpoints apart. */
export function storedKey({ folder, name }: StoredName): string {
	return `${folder} ${name}`;
}

/** Base name of a weight file, with its folder where there are several. */
export function weightFileLabel(checkpoints: readonly Checkpoint[], folder: number, file: number): string {
	const checkpoint = checkpoints[folder];
	const name = checkpoint?.files[file]?.name ?? "";
	return checkpoints.length > 1 ? `${checkpoint?.name}/${name}` : name;
}
