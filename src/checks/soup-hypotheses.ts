import { decayOf, type SolvedWeights, simpleWeights } from "./recover-weights.ts";
import type { MeanTerms } from "./soup-arithmetic.ts";
import type { SoupTerms } from "./soup-terms.ts";

/** A guess at what was averaged, whatever the arithmetic. */
export interface Hypothesis extends MeanTerms {
	/** The whole formula, given the name of the arithmetic: `the float32 sum / n, with the weights 0.49, 0.51`. */
	readonly describe: (arithmetic: string) => string;
	readonly cause: string | undefined;
	/** Whether it has so many free parameters that a handful of elements proves nothing. */
	readonly isFitted: boolean;
}

/** Orders of the weights are all tried up to so many ingredients, 120 of them; above, only two are exchanged. */
const MOST_PERMUTED = 5;

/** Guesses at the weights of a soup: the claim itself, then the likeliest. */
export function hypothesesOn(
	terms: SoupTerms,
	names: readonly string[],
	solved: SolvedWeights | undefined,
): Hypothesis[] {
	const count = names.length;
	const uniform = { weights: names.map(() => 1), divisor: count };
	const claimed: MeanTerms = { weights: terms.linear.weights ?? uniform.weights, divisor: terms.linear.divisor };
	const isUniform = claimed.weights.every((weight) => weight === claimed.weights[0]);
	return [
		{ describe: (arithmetic) => arithmetic, cause: undefined, isFitted: false, ...claimed },
		...names.map((name, own) => ({
			describe: () => `ingredient ${own + 1} "${name}"`,
			cause: `a copy of ingredient ${own + 1}`,
			isFitted: false,
			weights: names.map((_, k) => (k === own ? 1 : 0)),
			divisor: 1,
		})),
		...(claimed.divisor === 1 ? [] : [guess("not divided", "the sum, not the mean", { ...claimed, divisor: 1 })]),
		...(isUniform ? [] : [guess("with uniform weights", "the weights were not used", uniform)]),
		...(terms.normalize ? [] : [undivided(claimed)]),
		...(isUniform ? [] : ordersOf(claimed.weights).map((weights) => reordered(weights, claimed.divisor))),
		...fitted(solved),
	];
}

function guess(name: string, cause: string, terms: MeanTerms, isFitted = false): Hypothesis {
	return { describe: (arithmetic) => `${arithmetic}, ${name}`, cause, isFitted, ...terms };
}

function undivided({ weights }: MeanTerms): Hypothesis {
	const divisor = weights.reduce((sum, weight) => sum + weight, 0);
	return guess("divided by the sum of the weights", "normalised", { weights, divisor });
}

function reordered(weights: readonly number[], divisor: number): Hypothesis {
	const name = `with the weights in the order ${weights.join(", ")}`;
	return guess(name, "ingredients or weights in another order", { weights, divisor }, true);
}

/** Other orders of the weights, each once. */
function ordersOf(weights: readonly number[]): (readonly number[])[] {
	const orders = weights.length <= MOST_PERMUTED ? permutations(weights) : exchanges(weights);
	const distinct = new Map(orders.map((order) => [order.join(), order]));
	distinct.delete(weights.join());
	return [...distinct.values()];
}

function permutations(values: readonly number[]): (readonly number[])[] {
	if (values.length <= 1) return [values];
	return values.flatMap((value, index) => permutations(values.toSpliced(index, 1)).map((rest) => [value, ...rest]));
}

function exchanges(values: readonly number[]): (readonly number[])[] {
	return values.flatMap((a, i) => values.slice(i + 1).map((b, k) => values.with(i, b).with(i + 1 + k, a)));
}

/** Weights that the elements themselves suggest, as someone would have typed them. */
function fitted(solved: SolvedWeights | undefined): Hypothesis[] {
	const simple = solved && simpleWeights(solved);
	if (solved === undefined || simple === undefined) return [];
	const divisor = simple.weights.reduce((sum, weight) => sum + weight, 0);
	const decay = decayOf(solved);
	const cause = decay === undefined ? "other weights" : `an exponential moving average with α = ${decay.toFixed(4)}`;
	return [guess(`with the weights ${simple.text}`, cause, { weights: simple.weights, divisor }, true)];
}
