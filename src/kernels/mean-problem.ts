import type { FloatDtype } from "../tensor/dtype.ts";

/**
 * A mean of one element of each input, done alike for a whole run of elements.
 *
 * In float64 and in the order of the inputs: `(x1 + x2 + …) / divisor`, or `(w1·x1 + w2·x2 + …) / divisor` with each
 * product and each sum rounded; then one rounding, to nearest even, to the output dtype. A NaN result is the canonical
 * quiet NaN.
 */
export interface MeanProblem {
	/** Dtype of each input, in order; at least one. */
	readonly inputs: readonly FloatDtype[];
	/** One finite weight for each input, or undefined for a plain sum. */
	readonly weights: readonly number[] | undefined;
	/** Finite and not zero; 1 leaves the sum as it is. */
	readonly divisor: number;
	readonly output: FloatDtype;
}

/** Faults in a run of elements. */
export interface MeanReport {
	/** For each input, how many elements are NaN or Inf. */
	readonly nonFinite: readonly number[];
	/** How many elements are finite in every input and not in the output. */
	readonly overflow: number;
}
