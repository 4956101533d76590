import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { ClipSoupError } from "../errors.ts";
import type { NamedFeatures } from "../features/features.ts";
import { type InputRows, shortName } from "../features/input-rows.ts";
import type { GraphTower } from "./clip.ts";
import { openModelTower } from "./forward.ts";

/**
 * Rows that a tower computes at a time, which bounds memory whatever the number of inputs. The largest activation of the
 * image tower of ConvNeXt-XXLarge at 256 × 256 has 25 MB a picture, 4 · 384 channels of 64 × 64; a text's are below 2 MB.
 */
const BATCH: Readonly<Record<GraphTower, number>> = { image: 4, text: 16 };

/** How a tower runs. */
export interface RunOptions {
	/** Threads of one operator. Default: the physical cores. */
	readonly threads?: number | undefined;
	readonly signal?: AbortSignal | undefined;
}

/** Features of some of the rows. */
export interface FeatureBatch {
	/** The row of the inputs that `values` start with. */
	readonly first: number;
	/** `[rows, embedDim]`, row-major, not normalised. */
	readonly values: Float32Array;
}

/** A tower of a model. */
export interface ModelTower {
	readonly model: ClipModel;
	readonly architecture: PartialArchitecture;
	readonly tower: GraphTower;
}

/**
 * Runs a tower over all rows, batch by batch; the tower is in memory until the last was taken.
 *
 * @throws {ClipSoupError} ERR_NON_FINITE naming tower and row, what `openModelTower` and `rows.read` throw; the signal's
 *   reason when aborted
 */
export async function* featureBatches(
	{ model, architecture, tower }: ModelTower,
	rows: InputRows,
	{ threads, signal }: RunOptions,
): AsyncGenerator<FeatureBatch> {
	await using session = await openModelTower(model, architecture, tower, { threads });
	for (let first = 0; first < rows.names.length; first += BATCH[tower]) {
		signal?.throwIfAborted();
		const values = await session.run(await rows.read(first, Math.min(BATCH[tower], rows.names.length - first)));
		const strange = values.findIndex((value) => !Number.isFinite(value));
		if (strange >= 0) {
			throw nonFinite(model, tower, rows.names[first + Math.floor(strange / architecture.embedDim)] ?? "");
		}
		yield { first, values };
	}
}

/** The features of all rows. @throws as `featureBatches` */
export async function towerFeatures(tower: ModelTower, rows: InputRows, options: RunOptions): Promise<NamedFeatures> {
	const width = tower.architecture.embedDim;
	const features = new Float32Array(rows.names.length * width);
	for await (const { first, values } of featureBatches(tower, rows, options)) features.set(values, first * width);
	return { names: rows.names, width, values: features };
}

function nonFinite({ path }: ClipModel, tower: GraphTower, row: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_NON_FINITE",
		`Cannot compute the features of "${shortName(row)}": found NaN or Inf out of the ${tower} tower of "${path}", expected finite numbers`,
		{
			fix: "look for NaN and Inf in the weights with clip-soup inspect --data, and in ready tensors",
			details: { tower, row },
		},
	);
}
