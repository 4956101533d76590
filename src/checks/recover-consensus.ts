import type { ProductSums } from "../engine/results.ts";
import { addBalanced } from "./recover-products.ts";
import { PRODUCT_ROUNDING, type SolvedWeights, solveWeights } from "./recover-weights.ts";

/** A tensor's inner products, and the residual that rounding explains, in units of ‖s‖. */
export interface MeasuredTensor {
	readonly sums: ProductSums;
	readonly tolerance: number;
}

/** Tensors whose own weights are tried on all others: the largest ones. */
const MOST_CANDIDATES = 16;

/**
 * The weights that most elements share. A few tensors that were made in another way would pull the weights of the whole
 * away from those of all others, so that the largest tensors' own weights are tried too.
 *
 * @returns undefined if an ingredient is a mixture of the others
 */
export function consensus(tensors: readonly MeasuredTensor[]): SolvedWeights | undefined {
	const whole = solve(tensors);
	if (!whole.isUnique) return undefined;
	const largest = tensors.toSorted((a, b) => b.sums.elements - a.sums.elements).slice(0, MOST_CANDIDATES);
	const candidates = [whole, ...largest.map((tensor) => solve([tensor])).filter(({ isUnique }) => isUnique)];
	const followers = candidates.map(({ weights }) => tensors.filter((tensor) => follows(tensor, weights)));
	const best = followers.toSorted((a, b) => elementsOf(b) - elementsOf(a))[0] ?? [];
	const refined = solve(best);
	return refined.isUnique ? refined : whole;
}

function solve(tensors: readonly MeasuredTensor[]): SolvedWeights {
	const { products, elements } = addBalanced(tensors.map(({ sums }) => sums));
	return solveWeights(products, elements);
}

function elementsOf(tensors: readonly MeasuredTensor[]): number {
	return tensors.reduce((total, { sums }) => total + sums.elements, 0);
}

/** Whether weights leave no more than rounding, as far as inner products tell it. */
function follows({ sums: { products, squares }, tolerance }: MeasuredTensor, weights: readonly number[]): boolean {
	// ‖t − Σ wₖ·dₖ‖² = vᵀ·G·v with v = (−w, 1), over the differences from the last ingredient.
	const vector = [...weights.slice(0, -1).map((weight) => -weight), 1];
	let residual = 0;
	let cell = 0;
	for (const [row, a] of vector.entries()) {
		for (let column = 0; column <= row; column++) {
			residual += (column < row ? 2 : 1) * a * (vector[column] ?? 0) * (products[cell++] ?? 0);
		}
	}
	const unresolved = 4 * PRODUCT_ROUNDING * (products.at(-1) ?? 0);
	return residual <= Math.max(tolerance ** 2 * squares, unresolved);
}
