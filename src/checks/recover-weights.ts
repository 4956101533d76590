/** Weights of a mixture, which sum to 1. */
export interface SolvedWeights {
	/** One for each ingredient. */
	readonly weights: readonly number[];
	/** Standard errors of the weights, from what of the mixture they leave. */
	readonly errors: readonly number[];
	/** Whether no other weights do as well; if an ingredient is a mixture of the others, its weight here is 0. */
	readonly isUnique: boolean;
}

/** Below it a pivot of the Gram matrix, scaled to a diagonal of 1, is taken for 0: float64 sums leave about 1e-15. */
const SINGULAR_PIVOT = 1e-11;

/** Share of ‖s − r‖² that rounding of its products can leave of a residual. */
export const PRODUCT_ROUNDING = 2 ** -48;

/**
 * The weights that bring Σ wₖ·xₖ closest to s, by the normal equations of differences from the last ingredient.
 *
 * @param products as in `ProductSums`, of one ingredient at least
 */
export function solveWeights(products: readonly number[], elements: number): SolvedWeights {
	const unknowns = unknownsOf(products);
	const at = (row: number, column: number) => products[(row * (row + 1)) / 2 + column] ?? 0;
	const scales = Array.from({ length: unknowns }, (_, k) => Math.sqrt(at(k, k)) || 1);
	const scaleOf = (k: number) => scales[k] ?? 1;
	const factor = cholesky(unknowns, (row, column) => at(row, column) / scaleOf(row) / scaleOf(column));
	const targets = scales.map((scale, k) => at(unknowns, k) / scale);
	const solution = solve(factor, targets).map((value, k) => value / scaleOf(k));
	const total = at(unknowns, unknowns);
	const explained = solution.reduce((sum, weight, k) => sum + weight * at(unknowns, k), 0);
	const residualSquares = Math.max(total - explained, PRODUCT_ROUNDING * total);
	const spread = Math.sqrt(residualSquares / Math.max(1, elements - unknowns));
	const errorOf = (direction: readonly number[]) => {
		const squares = solve(factor, direction).reduce((sum, value, k) => sum + value * (direction[k] ?? 0), 0);
		return spread * Math.sqrt(Math.max(0, squares));
	};
	const units = scales.map((scale, k) => scales.map((_, index) => (index === k ? 1 / scale : 0)));
	return {
		weights: [...solution, 1 - solution.reduce((sum, weight) => sum + weight, 0)],
		errors: [...units, scales.map((scale) => 1 / scale)].map(errorOf),
		isUnique: factor.every((row, k) => Number.isFinite(row[k])),
	};
}

/**
 * The lower factor L of L·Lᵀ. A row that depends on those before gets an infinite pivot, by which its unknown becomes 0.
 *
 * @param at elements of a positive semidefinite matrix with a diagonal of 1, or 0
 */
function cholesky(size: number, at: (row: number, column: number) => number): number[][] {
	const lower: number[][] = [];
	for (let row = 0; row < size; row++) {
		const current: number[] = [];
		for (let column = 0; column <= row; column++) {
			const above = lower[column] ?? current;
			let value = at(row, column);
			for (let k = 0; k < column; k++) value -= (current[k] ?? 0) * (above[k] ?? 0);
			if (column < row) current.push(value / (above[column] ?? 1));
			else current.push(value > SINGULAR_PIVOT ? Math.sqrt(value) : Number.POSITIVE_INFINITY);
		}
		lower.push(current);
	}
	return lower;
}

/** x of L·Lᵀ·x = b. */
function solve(lower: readonly (readonly number[])[], b: readonly number[]): number[] {
	const x = [...b];
	for (const [row, factors] of lower.entries()) {
		for (let k = 0; k < row; k++) x[row] = (x[row] ?? 0) - (factors[k] ?? 0) * (x[k] ?? 0);
		x[row] = (x[row] ?? 0) / (factors[row] ?? 1);
	}
	for (let row = lower.length - 1; row >= 0; row--) {
		for (let k = row + 1; k < lower.length; k++) x[row] = (x[row] ?? 0) - (lower[k]?.[row] ?? 0) * (x[k] ?? 0);
		x[row] = (x[row] ?? 0) / (lower[row]?.[row] ?? 1);
	}
	return x;
}

/** Numbers, from 1, of two inputs that are equal in all elements; undefined if all differ. @param products as above */
export function equalInputs(products: readonly number[]): readonly [number, number] | undefined {
	const unknowns = unknownsOf(products);
	const at = (row: number, column: number) => products[(row * (row + 1)) / 2 + column] ?? 0;
	for (let a = 0; a < unknowns; a++) {
		if (at(a, a) === 0) return [a + 1, unknowns + 1];
		// Equal inputs have equal differences, whose products are equal to the bit.
		for (let b = 0; b < a; b++) if (at(a, b) === at(a, a) && at(a, b) === at(b, b)) return [b + 1, a + 1];
	}
	return undefined;
}

/** Number of inputs less one, of so many products. */
function unknownsOf(products: readonly number[]): number {
	return Math.round((Math.sqrt(8 * products.length + 1) - 1) / 2) - 1;
}

/** Weights that a person would have typed. */
export interface SimpleWeights {
	/** Decimal fractions, or the numerators of `text`. */
	readonly weights: readonly number[];
	/** `0.3, 0.7` or `1/3, 2/3`. */
	readonly text: string;
}

/** Digits after the point and denominators to try, the likeliest first. */
const FORMS = [{ digits: 1 }, { digits: 2 }, { denominators: 64 }, { digits: 3 }, { digits: 4 }] as const;

/** Standard errors within which weights are taken for simple ones, and the least such distance. */
const ERRORS_AROUND = 5;
const LEAST_TOLERANCE = 1e-8;

/** The simplest weights that measured ones can be; undefined if there are none. */
export function simpleWeights({
	weights,
	errors,
}: Pick<SolvedWeights, "weights" | "errors">): SimpleWeights | undefined {
	const tolerances = errors.map((error) => Math.max(LEAST_TOLERANCE, ERRORS_AROUND * error));
	for (const form of FORMS) {
		if ("digits" in form) {
			const simple = nearest(weights, tolerances, 10 ** form.digits);
			const decimals = simple?.map((numerator) => numerator / 10 ** form.digits);
			if (decimals !== undefined) return { weights: decimals, text: decimals.join(", ") };
			continue;
		}
		for (let denominator = 1; denominator <= form.denominators; denominator++) {
			const simple = nearest(weights, tolerances, denominator);
			if (simple === undefined) continue;
			return { weights: simple, text: simple.map((numerator) => `${numerator}/${denominator}`).join(", ") };
		}
	}
	return undefined;
}

/** Numerators that sum to the denominator and lie within the tolerances. */
function nearest(
	weights: readonly number[],
	tolerances: readonly number[],
	denominator: number,
): readonly number[] | undefined {
	// + 0 turns −0 into 0.
	const numerators = weights.map((weight) => Math.round(weight * denominator) + 0);
	const areNear = numerators.every((numerator, k) => {
		return Math.abs(numerator / denominator - (weights[k] ?? 0)) <= (tolerances[k] ?? 0);
	});
	return areNear && numerators.reduce((sum, numerator) => sum + numerator, 0) === denominator ? numerators : undefined;
}

/**
 * The decay α of an exponential moving average `s ← α·s + (1 − α)·x` over the ingredients in their order.
 *
 * @returns undefined if the weights are of another kind, or fewer than three, which are no pattern
 */
export function decayOf({ weights, errors }: Pick<SolvedWeights, "weights" | "errors">): number | undefined {
	const last = weights.at(-1);
	if (last === undefined || weights.length < 3 || !(last > 0 && last < 1)) return undefined;
	const decay = 1 - last;
	const fits = weights.every((weight, k) => {
		const age = weights.length - 1 - k;
		const expected = k === 0 ? decay ** age : last * decay ** age;
		return Math.abs(weight - expected) <= Math.max(LEAST_TOLERANCE, ERRORS_AROUND * (errors[k] ?? 0)) * (age + 1);
	});
	return fits ? decay : undefined;
}
