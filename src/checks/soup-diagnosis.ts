import { MixtureProducts } from "../engine/mixture-products.ts";
import type { ProductSums } from "../engine/results.ts";
import type { FloatDtype } from "../tensor/dtype.ts";
import { addBalanced } from "./recover-products.ts";
import { type SolvedWeights, solveWeights } from "./recover-weights.ts";
import type { AlignedTensor } from "./soup-alignment.ts";
import { type Arithmetic, arithmeticsFor } from "./soup-arithmetic.ts";
import { type ErrorBound, errorBound } from "./soup-bound.ts";
import { type Hypothesis, hypothesesOn } from "./soup-hypotheses.ts";
import type { Sample } from "./soup-sample.ts";
import type { SoupTerms } from "./soup-terms.ts";

/** What a soup that is not the average is instead. */
export interface Explanation {
	/** `equals the float32 sum / n`. */
	readonly formula: string;
	readonly cause: string | undefined;
}

export interface Diagnosis {
	/** A formula that gives all sampled elements of a dtype, those that are the average too. */
	readonly ofDtype: ReadonlyMap<FloatDtype, Explanation>;
	/** Where there is none: a formula that gives all sampled elements of one tensor. */
	readonly ofTensor: ReadonlyMap<AlignedTensor, Explanation>;
	/** How far the elements are from the average, at worst. */
	readonly bound: ErrorBound;
	readonly elements: number;
	readonly tensors: number;
}

/**
 * Tries formulas on a sample of a soup that is not the average of its ingredients.
 *
 * @param samples of tensors that are made of all ingredients
 * @param differing the tensors that are not the average
 * @param names of the ingredients
 */
export function diagnose(
	samples: readonly Sample[],
	differing: ReadonlySet<AlignedTensor>,
	terms: SoupTerms,
	names: readonly string[],
): Diagnosis {
	// Those that differ first: a formula that does not fit is then given up at its first element.
	const ordered = [...samples].sort((a, b) => Number(differing.has(b.tensor)) - Number(differing.has(a.tensor)));
	const ofDtype = new Map<FloatDtype, Explanation>();
	const ofTensor = new Map<AlignedTensor, Explanation>();
	for (const [dtype, group] of byDtype(ordered)) {
		const wrong = group.filter(({ tensor }) => differing.has(tensor));
		if (wrong.length === 0) continue;
		const all = explain(group, dtype, hypothesesOn(terms, names, solve(group)));
		if (all !== undefined) ofDtype.set(dtype, all);
		else {
			for (const sample of wrong) {
				const hypotheses = hypothesesOn(terms, names, solve([sample]));
				const isSmall = sample.count < ELEMENTS_PER_INGREDIENT * names.length;
				const one = explain([sample], dtype, isSmall ? hypotheses.filter(({ isFitted }) => !isFitted) : hypotheses);
				const found = one ?? temperature(sample);
				if (found !== undefined) ofTensor.set(sample.tensor, found);
			}
		}
	}
	return {
		ofDtype,
		ofTensor,
		bound: errorBound(samples, terms.linear),
		elements: samples.reduce((sum, { count }) => sum + count, 0),
		tensors: new Set(samples.map(({ tensor }) => tensor)).size,
	};
}

/** Fewer elements than that prove nothing of weights that were fitted to them. */
const ELEMENTS_PER_INGREDIENT = 8;

function byDtype(samples: readonly Sample[]): Map<FloatDtype, Sample[]> {
	const groups = new Map<FloatDtype, Sample[]>();
	for (const sample of samples) {
		const { soup } = sample.tensor.values;
		groups.set(soup, [...(groups.get(soup) ?? []), sample]);
	}
	return groups;
}

function explain(
	samples: readonly Sample[],
	dtype: FloatDtype,
	hypotheses: readonly Hypothesis[],
): Explanation | undefined {
	const arithmetics = arithmeticsFor(dtype);
	for (const hypothesis of hypotheses) {
		for (const arithmetic of arithmetics) {
			if (!isDefined(arithmetic, hypothesis)) continue;
			if (samples.every((sample) => fits(sample, arithmetic, hypothesis))) return explanation(hypothesis, arithmetic);
		}
	}
	return undefined;
}

function isDefined({ needs }: Arithmetic, { weights, divisor }: Hypothesis): boolean {
	if (needs === "two") return weights.length === 2 && divisor !== 0;
	if (needs === "uniform") return divisor === weights.length && weights.every((weight) => weight === 1);
	return divisor !== 0;
}

/** Whether a formula gives every element, by value: zeros of either sign are equal, and so are NaNs. */
function fits({ inputs, stored, count }: Sample, { mean }: Arithmetic, terms: Hypothesis): boolean {
	const values = inputs.map(() => 0);
	for (let index = 0; index < count; index++) {
		for (let k = 0; k < values.length; k++) values[k] = inputs[k]?.[index] ?? 0;
		const expected = mean(values, terms);
		const found = stored[index] ?? 0;
		if (expected !== found && !(Number.isNaN(expected) && Number.isNaN(found))) return false;
	}
	return true;
}

function explanation(hypothesis: Hypothesis, arithmetic: Arithmetic): Explanation {
	const causes = [hypothesis.cause, arithmetic.cause].filter((cause) => cause !== undefined);
	return {
		formula: `equals ${hypothesis.describe(arithmetic.name)}`,
		cause: causes.length === 0 ? undefined : causes.join("; "),
	};
}

/** Rounding errors of exp and log, in units of a float32's last place. */
const TRANSCENDENTAL_ERROR = 4 * 2 ** -24;

/** A temperature that was averaged itself, not its logarithm. */
function temperature({ tensor, inputs, stored, count }: Sample): Explanation | undefined {
	if (!tensor.commonName.endsWith("logit_scale") || count !== 1) return undefined;
	const scales = inputs.map(([value = 0]) => Math.exp(value));
	const mean = Math.log(scales.reduce((sum, scale) => sum + scale, 0) / scales.length);
	if (!(Math.abs(mean - (stored[0] ?? 0)) <= TRANSCENDENTAL_ERROR * Math.abs(mean))) return undefined;
	return { formula: "equals the logarithm of the mean of exp(logit_scale)", cause: "averaged after exp" };
}

/** The weights that samples suggest; undefined if they suggest no one answer. */
function solve(samples: readonly Sample[]): SolvedWeights | undefined {
	const { products, elements } = addBalanced(samples.map(productsOf));
	const solved = solveWeights(products, elements);
	return solved.isUnique ? solved : undefined;
}

function productsOf({ inputs, stored, count }: Sample): ProductSums {
	const products = new MixtureProducts(inputs.length);
	products.add(
		[...inputs, stored].map((values) => values.slice()),
		count,
	);
	return products.sums();
}
