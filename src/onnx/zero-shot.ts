import { normalisedRows } from "./logits.ts";
import type { FeatureBatch } from "./tower-features.ts";

/** Where a template takes the name of a class. */
export const PLACE = "{}";

/** The texts of a classifier: every template with the name of the first class, then with that of the next. */
export function fillTemplates(classes: readonly string[], templates: readonly string[]): string[] {
	return classes.flatMap((name) => templates.map((template) => template.split(PLACE).join(name)));
}

/**
 * A classifier from the features of filled templates: for each class the mean of its normalised features, normalised
 * again.
 *
 * @param batches features of the texts that `fillTemplates` gives
 * @returns `[classes, width]`, row-major, in float64
 * @see Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, §3.1.4.
 *   https://arxiv.org/abs/2103.00020
 */
export async function zeroShotClassifier(
	batches: AsyncIterable<FeatureBatch>,
	{ classes, templates, width }: { readonly classes: number; readonly templates: number; readonly width: number },
): Promise<Float64Array> {
	const sums = new Float64Array(classes * width);
	for await (const { first, values } of batches) {
		for (const [row, unit] of normalisedRows(values, width).entries()) {
			const at = Math.floor((first + row) / templates) * width;
			for (const [column, value] of unit.entries()) sums[at + column] = (sums[at + column] ?? 0) + value;
		}
	}
	// A sum points where the mean does.
	const classifier = new Float64Array(classes * width);
	for (const [row, unit] of normalisedRows(sums, width).entries()) classifier.set(unit, row * width);
	return classifier;
}

/** `exp(x) / Σ exp(x)` of each row of `width` logits, in float64, less the largest so that nothing overflows. */
export function softmaxRows(logits: Float64Array, width: number): number[][] {
	return Array.from({ length: logits.length / width }, (_, row) => {
		const scores = logits.subarray(row * width, (row + 1) * width);
		const largest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
		const powers = Array.from(scores, (score) => Math.exp(score - largest));
		const sum = powers.reduce((total, power) => total + power, 0);
		return powers.map((power) => power / sum);
	});
}
