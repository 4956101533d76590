import type { MeanDeviation } from "../engine/results.ts";
import type { Recipe } from "../recipe.ts";
import type { Finding } from "../verification.ts";
import type { AlignedTensor } from "./soup-alignment.ts";
import type { Diagnosis } from "./soup-diagnosis.ts";
import type { Recomputation } from "./soup-recompute.ts";
import { isFloatTensor } from "./soup-sample.ts";
import type { Subject } from "./subject.ts";

/**
 * Findings on what a soup stores, in the order of its tensors.
 *
 * @param subjects the soup, then its ingredients
 */
export function findingsOn(
	{ deviations, unequal, trained }: Recomputation,
	diagnosis: Diagnosis | undefined,
	subjects: readonly Subject[],
): Finding[] {
	return [
		...[...deviations].map(([tensor, deviation]) => deviationFinding(tensor, deviation, { diagnosis, subjects })),
		...[...unequal].map(([tensor, operands]) => copyFinding(tensor, operands, subjects)),
		...trained.map(({ name, input }): Finding => {
			const whose = input === 0 ? "the soup" : labelOf(subjects, input - 1);
			return {
				level: "error",
				message: `"${name}" of ${whose} is not 0 everywhere, expected a projection without a bias`,
				tensor: name,
				expected: "0",
			};
		}),
	];
}

interface Context {
	readonly diagnosis: Diagnosis | undefined;
	readonly subjects: readonly Subject[];
}

function deviationFinding(
	tensor: AlignedTensor,
	{ differing, nonFinite, first, last, expected, found, maxUlp }: MeanDeviation,
	{ diagnosis, subjects }: Context,
): Finding {
	const { name, file, elementCount, inputs } = tensor;
	const one = inputs.length < subjects.length - 1 ? labelOf(subjects, inputs[0] ?? 0) : undefined;
	const expectation = one === undefined ? "the average of the ingredients" : `those of ${one}, which is kept`;
	const numbers = `found ${found} at ${first}, expected ${expected}`;
	const reach = nonFinite > 0 ? `${nonFinite} NaN or infinite` : `up to ${maxUlp} ulp`;
	const explained = isFloatTensor(tensor)
		? (diagnosis?.ofTensor.get(tensor) ?? diagnosis?.ofDtype.get(tensor.values.soup))
		: undefined;
	const cause = explained && [explained.formula, explained.cause].filter((text) => text !== undefined).join(": ");
	return {
		level: "error",
		message: `"${name}": ${differing} of ${elementCount} elements are not ${expectation}: ${numbers} (${reach})`,
		file,
		tensor: name,
		elements: [first, last],
		expected: String(expected),
		found: String(found),
		...(cause !== undefined && { cause }),
	};
}

/** @param operands numbers of the operands that are not equal to the first; the soup comes after the ingredients */
function copyFinding(
	{ name, file, inputs }: AlignedTensor,
	operands: ReadonlySet<number>,
	subjects: readonly Subject[],
): Finding {
	const first = labelOf(subjects, inputs[0] ?? 0);
	const others = [...operands].filter((operand) => operand < inputs.length).sort((a, b) => a - b);
	const unlike = others.map((operand) => labelOf(subjects, inputs[operand] ?? 0)).join(", ");
	const message = operands.has(inputs.length)
		? `"${name}" is not averaged, and is not that of ${first}`
		: `"${name}" is not averaged, and differs between the ingredients: ${unlike} has not the bytes of ${first}`;
	return { level: "error", message, file, tensor: name };
}

function labelOf(subjects: readonly Subject[], ingredient: number): string {
	return `ingredient ${ingredient + 1} "${subjects[ingredient + 1]?.name}"`;
}

/** Float tensors whose dtype is not what the recipe records. */
export function dtypeFindings(tensors: readonly AlignedTensor[], recipe: Recipe | undefined): Finding[] {
	if (recipe === undefined) return [];
	return tensors.filter(isFloatTensor).flatMap(({ name, file, values }): Finding[] => {
		const expected = recipe.dtype ?? values.inputs[0] ?? values.soup;
		if (expected === values.soup) return [];
		const message = `"${name}" has another dtype: found ${values.soup}, expected ${expected} by the recipe`;
		return [{ level: "error", message, file, tensor: name, expected, found: values.soup }];
	});
}
