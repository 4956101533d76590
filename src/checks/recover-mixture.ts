import type { SimpleWeights } from "./recover-weights.ts";

/** The weights of the mixture that is closest to some elements. */
export interface Mixture {
	/** One for each ingredient; they sum to 1. Undefined if the ingredients do not decide them. */
	readonly weights: readonly number[] | undefined;
	/** Standard errors of the weights. */
	readonly errors: readonly number[];
	/** Weights that someone would have typed, if the measured ones can be these. */
	readonly simple: SimpleWeights | undefined;
	/** ‖s − Σ wₖ·xₖ‖ / ‖s‖, from the elements in float64, of these weights or of any as good ones. */
	readonly residual: number | undefined;
}

/** The mixture closest to one tensor of the soup. */
export interface TensorMixture extends Mixture {
	/** Stored name in the soup. */
	readonly name: string;
	/** Base name of its file; undefined if the soup's metadata carry it. */
	readonly file: string | undefined;
	/** Elements that were summed. */
	readonly elements: number;
	/** Elements left out, because they are NaN or infinite in the soup or an ingredient. */
	readonly nonFinite: number;
	/** The residual that the weights of the whole soup leave here; undefined if there are none. */
	readonly sharedResidual: number | undefined;
	/** The largest residual that rounding explains. */
	readonly tolerance: number;
}

/** What a soup is, as far as weights tell it. */
export interface Verdict {
	/**
	 * - `one`: all tensors are one mixture, within rounding.
	 * - `several`: each tensor is a mixture, but not all are the same one.
	 * - `none`: some tensor is no mixture of the ingredients.
	 * - `undecided`: an ingredient is a mixture of the others, so that many weights give the same soup.
	 */
	readonly kind: "one" | "several" | "none" | "undecided";
	readonly text: string;
	/** Names of the tensors that are not of the shared mixture. */
	readonly others: readonly string[];
}

/** Whether all weights but those of one ingredient are 0, and which one it is, from 0. */
export function onlyIngredient({ weights = [] }: Mixture, tolerance = 1e-6): number | undefined {
	const only = weights.findIndex((weight) => Math.abs(weight - 1) <= tolerance);
	const areZero = weights.every((weight, k) => k === only || Math.abs(weight) <= tolerance);
	return only >= 0 && areZero ? only : undefined;
}
