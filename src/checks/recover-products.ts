import type { ProductSums } from "../engine/results.ts";

/** Sums over all elements of several sums; of tensors with as many ingredients. */
export function addProducts(sums: readonly ProductSums[]): ProductSums {
	const total = (value: (one: ProductSums) => number) => sums.reduce((all, one) => all + value(one), 0);
	return {
		kind: "products",
		elements: total(({ elements }) => elements),
		nonFinite: total(({ nonFinite }) => nonFinite),
		products: (sums[0]?.products ?? []).map((_, cell) => total(({ products }) => products[cell] ?? 0)),
		squares: total(({ squares }) => squares),
	};
}

/**
 * Sums over tensors, each counted by the inverse of its mean square. Rounding errors are as large as the values: a
 * `logit_scale` of 4.6 would otherwise outweigh thousands of weights of 0.01.
 */
export function addBalanced(sums: readonly ProductSums[]): ProductSums {
	return addProducts(
		sums.map((one) => {
			const factor = one.squares > 0 ? one.elements / one.squares : 1;
			return { ...one, products: one.products.map((product) => product * factor), squares: one.squares * factor };
		}),
	);
}
