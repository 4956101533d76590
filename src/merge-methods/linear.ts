import { ClipSoupError } from "../errors.ts";
import type { MeanProblem } from "../kernels/mean-problem.ts";

/** The part of a `MeanProblem` that is the same for every tensor of a soup. */
export type LinearWeights = Pick<MeanProblem, "weights" | "divisor">;

export interface LinearOptions {
	/** One finite number for each input, in input order; undefined or all equal gives the uniform soup. */
	readonly weights: readonly number[] | undefined;
	/** Whether the weighted sum is divided by the sum of the weights. */
	readonly normalize: boolean;
}

/**
 * The linear soup: the mean of the inputs, uniform or weighted.
 *
 * Uniform: `(x1 + x2 + … + xn) / n`. Weighted: `(w1·x1 + … + wn·xn) / (w1 + … + wn)`. Without normalisation the
 * division is left out and equal weights are not taken for uniform.
 * @throws {ClipSoupError} ERR_WEIGHTS if the weights do not fit the inputs, are not finite, or sum to 0 or overflow
 * @see Wortsman et al. 2022, Model soups, §2. https://arxiv.org/abs/2203.05482
 */
export function linearWeights(inputCount: number, { weights, normalize }: LinearOptions): LinearWeights {
	if (weights === undefined) {
		if (!normalize) throw invalid("--no-normalize without --weights", "give the weights: --weights 0.3,0.7");
		return { weights: undefined, divisor: inputCount };
	}
	if (weights.length !== inputCount) {
		throw invalid(
			`${weights.length} weights for ${inputCount} inputs`,
			"give one weight for each input, in their order",
		);
	}
	const strange = weights.find((weight) => !Number.isFinite(weight));
	if (strange !== undefined) throw invalid(`weight ${strange}`, "give finite numbers: --weights 0.3,0.7");
	if (!normalize) return { weights, divisor: 1 };
	const [first] = weights;
	if (first !== 0 && weights.every((weight) => weight === first)) return { weights: undefined, divisor: inputCount };
	const sum = weights.reduce((total, weight) => total + weight);
	if (sum === 0 || !Number.isFinite(sum)) {
		throw invalid(`weights that sum to ${sum}`, "change the weights, or add --no-normalize to use them as they are");
	}
	return { weights, divisor: sum };
}

function invalid(found: string, fix: string): ClipSoupError {
	return new ClipSoupError("ERR_WEIGHTS", `Cannot average: found ${found}`, { fix });
}
