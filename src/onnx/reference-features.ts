import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { requirePreprocess } from "../layouts/combine-facts.ts";
import type { Watch } from "../progress.ts";
import { type GraphTower, textOf } from "./clip.ts";
import { openModelTower } from "./forward.ts";
import { referenceImages, referenceTokens } from "./reference-inputs.ts";

/** How many reference inputs a tower is run on: `numerics-v1`, so that anyone can make the same. */
export const REFERENCE_COUNTS: Readonly<Record<GraphTower, number>> = { image: 2, text: 3 };

/** Features of reference inputs, before they are normalised. */
export interface TowerFeatures {
	/** Features of one input: the columns. */
	readonly width: number;
	/** Row-major, one row an input. */
	readonly values: Float32Array;
}

/**
 * Features of a tower for its reference inputs. The session is closed again, so that towers are never in memory together.
 *
 * @throws {ClipSoupError} what keeps the tower from running; ERR_USAGE if mean and std are not known
 */
export async function referenceFeatures(
	model: ClipModel,
	architecture: PartialArchitecture,
	tower: GraphTower,
	{ threads }: { readonly threads?: number | undefined } = {},
	{ signal }: Watch = {},
): Promise<TowerFeatures> {
	signal?.throwIfAborted();
	await using session = await openModelTower(model, architecture, tower, { threads });
	signal?.throwIfAborted();
	const values = await session.run(inputsOf(model, architecture, tower));
	return { width: session.graph.features, values };
}

function inputsOf(
	{ knowledge }: ClipModel,
	architecture: PartialArchitecture,
	tower: GraphTower,
): Float32Array | BigInt64Array {
	const count = REFERENCE_COUNTS[tower];
	if (tower === "text") return referenceTokens(count, textOf(architecture));
	return referenceImages(count, requirePreprocess(knowledge));
}
