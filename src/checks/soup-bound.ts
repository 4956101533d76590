import type { LinearWeights } from "../merge-methods/linear.ts";
import type { FloatDtype } from "../tensor/dtype.ts";
import { roundTo } from "./soup-arithmetic.ts";
import type { Sample } from "./soup-sample.ts";

/** Unit roundoff, to nearest. */
export const UNIT_ROUNDOFF: Readonly<Record<FloatDtype, number>> = {
	F64: 2 ** -53,
	F32: 2 ** -24,
	F16: 2 ** -11,
	BF16: 2 ** -8,
	F8_E4M3: 2 ** -4,
	F8_E5M2: 2 ** -3,
};

const SMALLEST_SUBNORMAL: Readonly<Record<FloatDtype, number>> = {
	F64: 2 ** -1074,
	F32: 2 ** -149,
	F16: 2 ** -24,
	BF16: 2 ** -133,
	F8_E4M3: 2 ** -9,
	F8_E5M2: 2 ** -16,
};

/** How far elements are from the average, against what rounding can do. */
export interface ErrorBound {
	/** Largest error in units of the bound: above 1 no rounding explains it. */
	readonly worst: number;
	/** Elements whose error is above the bound, or that are finite on one side only. */
	readonly beyond: number;
	/** Elements that are the average, rounded to nearest. */
	readonly nearest: number;
}

/**
 * Compares errors with `(n + 1)·u·Σ|wᵢ·xᵢ| + v·|mean| + smallest subnormal`, where u is the unit roundoff of float32
 * sums, or float64 ones for F64, and v that of the output.
 *
 * Relative to Σ|wᵢ·xᵢ|, not to the mean, which cancellation can make as small as it likes.
 * @see Higham, Accuracy and Stability of Numerical Algorithms, §4.2
 */
export function errorBound(samples: readonly Sample[], linear: LinearWeights): ErrorBound {
	let worst = 0;
	let beyond = 0;
	let nearest = 0;
	for (const { inputs, stored, count, tensor } of samples) {
		const { soup } = tensor.values;
		const unit = UNIT_ROUNDOFF[soup];
		const sumUnit = soup === "F64" ? UNIT_ROUNDOFF.F64 : UNIT_ROUNDOFF.F32;
		for (let index = 0; index < count; index++) {
			let sum = -0;
			let magnitude = 0;
			for (let k = 0; k < inputs.length; k++) {
				const term = (inputs[k]?.[index] ?? 0) * (linear.weights?.[k] ?? 1);
				sum += term;
				magnitude += Math.abs(term);
			}
			const mean = sum / linear.divisor;
			const found = stored[index] ?? 0;
			if (Object.is(roundTo(soup, mean), found)) nearest++;
			const bound =
				((inputs.length + 1) * sumUnit * magnitude) / Math.abs(linear.divisor) +
				unit * Math.abs(mean) +
				SMALLEST_SUBNORMAL[soup];
			const error = Math.abs(found - mean) / bound;
			if (Number.isFinite(error)) worst = Math.max(worst, error);
			if (!(error <= 1) && !Object.is(roundTo(soup, mean), found)) beyond++;
		}
	}
	return { worst, beyond, nearest };
}
