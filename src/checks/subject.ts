import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { downloadWeights, holdCheckpoints } from "../checkpoint/local-copy.ts";
import { type ClipModel, type ModelOptions, openModelFiles, readModel } from "../checkpoint/model.ts";
import { givenName } from "../checkpoint/open.ts";
import { isClipSoupError } from "../errors.ts";
import { Hub } from "../hub/hub.ts";
import type { Watch } from "../progress.ts";

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

/** How a run comes by its subjects. */
export interface Opening {
	/** One for the run, so that a revision means the same commit throughout. */
	readonly hub?: Hub;
	/** Copy weights that are on the Hub to a temporary folder, where they can be run. Default false. */
	readonly download?: boolean | undefined;
	readonly watch?: Watch;
}

/**
 * Opens what is to be checked. Files that are no CLIP can be checked too, as far as that goes.
 *
 * @throws {ClipSoupError} what is wrong with a file; names, shapes and configurations are for the checks to judge
 */
export async function openSubject(
	path: string,
	options: ModelOptions = {},
	{ hub = new Hub(), download = false, watch = {} }: Opening = {},
): Promise<Subject> {
	const opened = await openModelFiles(path, options.text, hub);
	const held = download ? await downloadWeights(opened, watch) : holdCheckpoints(opened);
	const { checkpoints } = held;
	const dispose = { [Symbol.asyncDispose]: () => held[Symbol.asyncDispose]() };
	const name = givenName(path);
	try {
		const model = await readModel(path, checkpoints, options, hub);
		return { path, name, checkpoints, model, unread: undefined, ...dispose };
	} catch (unread) {
		if (isClipSoupError(unread)) return { path, name, checkpoints, model: undefined, unread, ...dispose };
		await held[Symbol.asyncDispose]();
		throw unread;
	}
}
