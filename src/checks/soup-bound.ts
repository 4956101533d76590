import type { LinearWeights } from "../merge-methods/linear.ts";
import type { FloatDtype } from "../tensor/dtype.ts";
import { roundTo } from "./soup-arithmetic.ts";
import type { Sample } from "./soup-sample.ts";

/** Unit roundoff to nearest, and the smallest subnormal. */
const ROUNDING: Readonly<Record<FloatDtype, { readonly unit: number; readonly subnormal: number }>> = {
	F64: { unit: 2 ** -53, subnormal: 2 ** -1074 },
	F32: { unit: 2 ** -24, subnormal: 2 ** -149 },
	F16: { unit: 2 ** -11, subnormal: 2 ** -24 },
	BF16: { unit: 2 ** -8, subnormal: 2 ** -133 },
	F8_E4M3: { unit: 2 ** -4, subnormal: 2 ** -9 },
	F8_E5M2: { unit: 2 ** -3, subnormal: 2 ** -16 },
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
		const { unit, subnormal } = ROUNDING[soup];
		const sumUnit = soup === "F64" ? ROUNDING.F64.unit : ROUNDING.F32.unit;
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
				((inputs.length + 1) * sumUnit * magnitude) / Math.abs(linear.divisor) + unit * Math.abs(mean) + subnormal;
			const error = Math.abs(found - mean) / bound;
			if (Number.isFinite(error)) worst = Math.max(worst, error);
			if (!(error <= 1) && !Object.is(roundTo(soup, mean), found)) beyond++;
		}
	}
	return { worst, beyond, nearest };
}
