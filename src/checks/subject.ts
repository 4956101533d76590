import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type ClipModel, type ModelOptions, openModelFiles, readModel } from "../checkpoint/model.ts";
import { closeAll, givenName } from "../checkpoint/open.ts";
import { isClipSoupError } from "../errors.ts";

/** What checks look at: files that are open, and the CLIP in them if they hold one. Close it after use. */
export interface Subject extends AsyncDisposable {
	/** What the user gave. */
	readonly path: string;
	/** Its base name. */
	readonly name: string;
	readonly checkpoints: readonly Checkpoint[];
	readonly model: ClipModel | undefined;
	/** Why there is no model. */
	readonly unread: unknown;
}

/**
 * Opens what is to be checked. Files that are no CLIP can be checked too, as far as that goes.
 *
 * @throws {ClipSoupError} what is wrong with a file; names, shapes and configurations are for the checks to judge
 */
export async function openSubject(path: string, options: ModelOptions = {}): Promise<Subject> {
	const checkpoints = await openModelFiles(path, options.text);
	const dispose = { [Symbol.asyncDispose]: () => closeAll(checkpoints) };
	const name = givenName(path);
	try {
		const model = await readModel(path, checkpoints, options);
		return { path, name, checkpoints, model, unread: undefined, ...dispose };
	} catch (unread) {
		if (isClipSoupError(unread)) return { path, name, checkpoints, model: undefined, unread, ...dispose };
		await closeAll(checkpoints);
		throw unread;
	}
}
