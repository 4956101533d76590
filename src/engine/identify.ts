import type { Watch } from "../progress.ts";
import { modelDigest } from "../tensor/model-digest.ts";
import type { CensusSubject } from "./census.ts";
import { storedTensors } from "./census-tensors.ts";
import { type FiniteReport, finiteReportOf, readFinite } from "./finite-pass.ts";

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
	const stored = storedTensors(checkpoints, model?.reading.ignored);
	const read = await readFinite(checkpoints, stored, { threads, digests: true }, watch);
	return {
		modelDigest: modelDigest(stored.map((tensor, row) => ({ ...tensor, sha256: read[row]?.sha256 ?? "" }))),
		finite: finiteReportOf(stored, read),
	};
}
