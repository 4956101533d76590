import type { OperationTraits } from "./operation.ts";
import type { Operand, StepTable } from "./step-table.ts";

/** Elements of a step that are worked on together. */
export interface Chunk {
	readonly first: number;
	readonly count: number;
}

/** A job's chunks in order: none is longer than a buffer holds, and none reaches from one part into the next. */
export function* chunksOf(
	steps: StepTable,
	step: number,
	{ parts = 1 }: OperationTraits,
	{ begin, end, most }: { readonly begin: number; readonly end: number; readonly most: number },
): Generator<Chunk, void, undefined> {
	const partElements = steps.elementCount(step) / parts;
	for (let first = begin, count = 0; first < end; first += count) {
		count = Math.min(most, end - first, partElements - (first % partElements));
		yield { first, count };
	}
}

/** Where an operand begins; of one in parts, where its first element would lie before the part that `first` is in. */
export function operandAt(
	steps: StepTable,
	step: number,
	{ parts, operandByteLengths }: OperationTraits,
	index: number,
	first: number,
): Operand {
	if (parts === undefined) return steps.operand(step, index);
	const partElements = steps.elementCount(step) / parts;
	const part = Math.floor(first / partElements);
	const { source, position } = steps.operand(step, part);
	return { source, position: position - part * partElements * (operandByteLengths[0] ?? 0) };
}
