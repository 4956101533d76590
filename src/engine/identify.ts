import type { Watch } from "../progress.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { modelDigest } from "../tensor/model-digest.ts";
import type { CensusSubject } from "./census.ts";
import { finiteStep, readBytes } from "./census-pass.ts";
import { storedTensors } from "./census-tensors.ts";
import type { FiniteReport, NonFiniteTensor } from "./finite-pass.ts";
import { sourceNumbers, sourcesOf } from "./plan.ts";

/** Which weights a model has, and whether they are finite. */
export interface Identity {
	/** The model digest that a census of the same files has. */
	readonly modelDigest: string;
	readonly finite: FiniteReport;
}

/**
 * Reads every tensor once for its digest and for NaN and Inf: SHA-256 is what it costs, a fifth of a census.
 *
 * @throws {ClipSoupError} ERR_INPUT_CHANGED if a file was written to meanwhile, ERR_IO, ERR_FILE_TRUNCATED
 */
export async function identifyWeights(
	{ checkpoints, model }: CensusSubject,
	{ threads }: { readonly threads?: number | undefined } = {},
	watch: Watch = {},
): Promise<Identity> {
	const sourceOf = sourceNumbers(checkpoints);
	const stored = storedTensors(checkpoints, model?.reading.ignored);
	const steps = stored.map(({ dtype, byteLength, folder, file, position }) =>
		finiteStep(dtype, byteLength, { source: sourceOf(folder, file), position }),
	);
	const read = await readBytes(steps, { phase: "read", sources: sourcesOf(checkpoints), threads }, watch);
	for (const checkpoint of checkpoints) await checkpoint.assertUnchanged();
	const floats = stored.filter(({ dtype }) => isFloatDtype(dtype));
	return {
		modelDigest: modelDigest(stored.map((tensor, row) => ({ ...tensor, sha256: read[row]?.sha256 ?? "" }))),
		finite: {
			tensors: floats.length,
			elements: steps.reduce(
				(sum, { operation, elementCount }) => sum + (operation.kind === "finite" ? elementCount : 0),
				0,
			),
			nonFinite: stored.flatMap(({ name }, row): NonFiniteTensor[] => {
				const found = read[row]?.nonFinite;
				if (found === undefined) return [];
				const { kind: _, ...counts } = found;
				return [{ name, ...counts }];
			}),
		},
	};
}
