import type { ProductSums } from "./results.ts";

/**
 * Inner products of vectors' differences from one of them: what the weights of a mixture follow from.
 *
 * Differences come before products: the products of nearly equal checkpoints would cancel. Each block is summed on its
 * own before it is added, which keeps the rounding errors of long sums small. Time grows with the square of the vectors.
 */
export class MixtureProducts {
	readonly #products: Float64Array;
	#squares = 0;
	#elements = 0;
	#nonFinite = 0;

	/** @param inputs number of the vectors that are mixed */
	constructor(inputs: number) {
		this.#products = new Float64Array((inputs * (inputs + 1)) / 2);
	}

	/**
	 * Adds elements 0 to `count` of the inputs and, last, of their mixture. The arrays are used as scratch space.
	 *
	 * @param block small enough for the caches
	 */
	add(block: readonly Float64Array[], count: number): void {
		const finite = keepFinite(block, count);
		const mixture = block.at(-1) ?? new Float64Array();
		this.#squares += dot(mixture, mixture, finite);
		const differences = differencesOf(block, finite);
		let cell = 0;
		for (const [row, a] of differences.entries()) {
			for (let column = 0; column <= row; column++) {
				this.#products[cell] = (this.#products[cell] ?? 0) + dot(a, differences[column] ?? a, finite);
				cell++;
			}
		}
		this.#elements += finite;
		this.#nonFinite += count - finite;
	}

	/** The sums so far. */
	sums(): ProductSums {
		const products = [...this.#products];
		const [squares, elements, nonFinite] = [this.#squares, this.#elements, this.#nonFinite];
		return { kind: "products", elements, nonFinite, products, squares };
	}
}

/** Moves the elements that are finite in all arrays to their front, in order, and returns how many there are. */
export function keepFinite(arrays: readonly Float64Array[], count: number): number {
	if (arrays.every((array) => isAllFinite(array, count))) return count;
	let kept = 0;
	for (let index = 0; index < count; index++) {
		if (!arrays.every((array) => Number.isFinite(array[index]))) continue;
		for (const array of arrays) array[kept] = array[index] ?? 0;
		kept++;
	}
	return kept;
}

function isAllFinite(array: Float64Array, count: number): boolean {
	for (let index = 0; index < count; index++) if (!Number.isFinite(array[index])) return false;
	return true;
}

/** All vectors but the reference, which is the last input, less the reference; in place. */
function differencesOf(block: readonly Float64Array[], count: number): Float64Array[] {
	const reference = block.at(-2) ?? new Float64Array();
	const others = block.filter((vector) => vector !== reference);
	for (const vector of others) {
		for (let index = 0; index < count; index++) vector[index] = (vector[index] ?? 0) - (reference[index] ?? 0);
	}
	return others;
}

function dot(a: Float64Array, b: Float64Array, count: number): number {
	let sum = 0;
	for (let index = 0; index < count; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
	return sum;
}
