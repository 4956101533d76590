import type { ZeroTensor } from "../engine/canonical-plan.ts";
import type { Operation } from "../engine/operation.ts";
import type { MeanDeviation } from "../engine/results.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import type { Watch } from "../progress.ts";
import type { AlignedTensor, Alignment } from "./soup-alignment.ts";
import { type StreamOptions, type StreamRow, streamRows } from "./soup-stream.ts";
import type { Subject } from "./subject.ts";

/** What a soup has that its ingredients do not give. */
export interface Recomputation {
	/** Tensors that are not the mean; elements are counted from the start of the stored tensor. */
	readonly deviations: ReadonlyMap<AlignedTensor, MeanDeviation>;
	/** Tensors that are copied, and not equal everywhere: numbers of operands unlike the first, of which the last is the soup. */
	readonly unequal: ReadonlyMap<AlignedTensor, ReadonlySet<number>>;
	/** Biases that should be 0 and are not. */
	readonly trained: readonly ZeroTensor[];
}

/**
 * Averages the ingredients again by the kernels of `avg`, chunk by chunk, and compares each with what the soup stores.
 *
 * Memory does not grow with the size of the tensors; the result does not depend on threads or chunks.
 */
export async function recompute(
	{ tensors, sources, zeros }: Alignment,
	weights: LinearWeights,
	subjects: readonly Subject[],
	options: StreamOptions,
	watch: Watch,
): Promise<Recomputation> {
	const deviations = new Map<AlignedTensor, MeanDeviation>();
	const unequal = new Map<AlignedTensor, ReadonlySet<number>>();
	const trained: ZeroTensor[] = [];
	const rows = tensors.flatMap((tensor) => {
		const operation = operationOf(tensor, problemWeights(tensor, weights, subjects.length - 1));
		return tensor.runs.map(
			({ first, elementCount, operands }): StreamRow => ({
				operation,
				elementCount,
				operands,
				onResult: (result) => {
					if (result.kind === "recompute") {
						deviations.set(tensor, together(deviations.get(tensor), moved(result, first)));
					}
					if (result.kind === "copy") unequal.set(tensor, new Set([...(unequal.get(tensor) ?? []), ...result.unequal]));
				},
			}),
		);
	});
	for (const zero of zeros) {
		const { dtype, elementCount, source, position } = zero;
		rows.push({
			operation: { kind: "scan", dtype },
			elementCount,
			operands: [{ source, position }],
			onResult: (result) => {
				if (result.kind === "scan" && result.zeros < result.elements) trained.push(zero);
			},
		});
	}
	await streamRows(rows, sources, subjects, options, watch);
	return { deviations: inOrder(tensors, deviations), unequal: inOrder(tensors, unequal), trained };
}

/** A tensor of one ingredient only is that ingredient's, whatever the weights. */
function problemWeights(
	{ inputs }: Pick<AlignedTensor, "inputs">,
	weights: LinearWeights,
	ingredientCount: number,
): LinearWeights {
	return inputs.length < ingredientCount ? { weights: undefined, divisor: 1 } : weights;
}

function operationOf({ values, inputs, matrix }: AlignedTensor, weights: LinearWeights): Operation {
	const shared = matrix && { matrix };
	if (values.areFloat) {
		return { kind: "recompute", problem: { ...weights, inputs: values.inputs, output: values.soup }, ...shared };
	}
	const { elementByteLength } = values;
	return { kind: "copy", operandCount: inputs.length + 1, elementByteLength, ...shared };
}

function moved(deviation: MeanDeviation, by: number): MeanDeviation {
	return { ...deviation, first: deviation.first + by, last: deviation.last + by };
}

/** Deviations of different elements of one tensor, whichever thread told them first. */
function together(a: MeanDeviation | undefined, b: MeanDeviation): MeanDeviation {
	if (a === undefined) return b;
	const { first, expected, found } = a.first < b.first ? a : b;
	return {
		kind: "recompute",
		differing: a.differing + b.differing,
		nonFinite: a.nonFinite + b.nonFinite,
		first,
		last: Math.max(a.last, b.last),
		expected,
		found,
		maxUlp: Math.max(a.maxUlp, b.maxUlp),
	};
}

function inOrder<Found>(
	tensors: readonly AlignedTensor[],
	found: ReadonlyMap<AlignedTensor, Found>,
): ReadonlyMap<AlignedTensor, Found> {
	return new Map(
		tensors.flatMap((tensor) => {
			const one = found.get(tensor);
			return one === undefined ? [] : [[tensor, one] as const];
		}),
	);
}
