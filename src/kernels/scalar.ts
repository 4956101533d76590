import { decodeFloat, encodeFloat } from "../tensor/float-bits.ts";
import type { MeanProblem, MeanReport } from "./mean-problem.ts";

/**
 * The mean of `count` elements as the contract words it: the reference of every kernel, and their understudy for
 * elements that are NaN, Inf or overflow. Right for every bit pattern.
 *
 * Shapes: `sources[k]` holds at least `count` elements of `problem.inputs[k]`, `destination` of `problem.output`.
 * Rounding: each product and each sum to float64, in input order; the quotient to float64, then to the output dtype.
 * @returns the faults met; elements that overflow are stored as Inf, or NaN where the dtype has no Inf.
 */
export function meanScalar(
	problem: MeanProblem,
	sources: readonly Uint8Array[],
	destination: Uint8Array,
	count: number,
): MeanReport {
	const { inputs, weights, divisor, output } = problem;
	const operands = inputs.map((dtype, k) => ({ dtype, bytes: viewOf(sources[k]), weight: weights?.[k] ?? 1 }));
	const results = viewOf(destination);
	const nonFinite = inputs.map(() => 0);
	let overflow = 0;
	for (let index = 0; index < count; index++) {
		// −0 + x is x for every x, −0 among them: the sum starts at its first term.
		let sum = -0;
		let allFinite = true;
		for (const [k, { dtype, bytes, weight }] of operands.entries()) {
			const value = decodeFloat(dtype, bytes, index);
			sum += value * weight;
			if (!Number.isFinite(value)) {
				allFinite = false;
				nonFinite[k] = (nonFinite[k] ?? 0) + 1;
			}
		}
		const isStoredFinite = encodeFloat(output, sum / divisor, results, index);
		if (allFinite && !isStoredFinite) overflow++;
	}
	return { nonFinite, overflow };
}

function viewOf(bytes: Uint8Array | undefined): DataView {
	if (bytes === undefined) throw new RangeError("A mean needs a source for each input");
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
