import type { LinearWeights } from "../merge-methods/linear.ts";
import { DTYPES, type Dtype, type FloatDtype, isFloatDtype } from "../tensor/dtype.ts";
import { elementCount, type Shape } from "../tensor/shape.ts";
import { type Operation, OperationList, type OutputMatrix, traitsOf } from "./operation.ts";
import type { Plan, StepSubject } from "./plan.ts";
import { type Operand, type Place, type Step, StepTable } from "./step-table.ts";

/** A run of a canonical tensor's elements as one source stores it. */
export interface Part {
	/** Number of the source in the pass. */
	readonly source: number;
	/** Absolute position of its first byte. */
	readonly position: number;
	readonly elementCount: number;
}

/** A canonical tensor in one input: its parts follow each other, whole or transposed. */
export interface CanonicalOperand {
	readonly dtype: Dtype;
	/** Whether the one part stores the matrix `[rows, columns]` as `[columns, rows]`. */
	readonly isTransposed: boolean;
	readonly parts: readonly Part[];
}

/** A tensor of an output that holds a canonical tensor, or some rows of it. */
export interface CanonicalPlace extends Place {
	/** First element of the canonical tensor that it holds, and how many. */
	readonly begin: number;
	readonly elementCount: number;
	readonly isTransposed: boolean;
}

/** A canonical tensor with what it is made of and where it goes. */
export interface CanonicalStep {
	readonly name: string;
	/** Canonical shape. */
	readonly shape: Shape;
	/** Dtype in the output. */
	readonly dtype: Dtype;
	/** Whether it is computed; otherwise the operands' bytes are copied, and must be equal. */
	readonly isMean: boolean;
	readonly weights: LinearWeights;
	/** Numbers of the inputs, from 0, that the operands belong to. */
	readonly inputs: readonly number[];
	readonly operands: readonly CanonicalOperand[];
	readonly places: readonly CanonicalPlace[];
}

/** A stored bias that OpenCLIP has no place for, and that is left out if all of it is 0. */
export interface ZeroTensor extends Part {
	/** Stored name. */
	readonly name: string;
	readonly dtype: FloatDtype;
	/** Number of its input, from 0. */
	readonly input: number;
}

/**
 * Cuts canonical tensors into steps: runs of elements that no operand's part and no output tensor divides, each read
 * once for all the outputs that hold it the same way round.
 */
export function planCanonical(tensors: readonly CanonicalStep[], zeros: readonly ZeroTensor[]): Omit<Plan, "sources"> {
	const operations = new OperationList();
	const rows = tensors.flatMap((tensor) =>
		[false, true].flatMap((isTransposed) => {
			const places = tensor.places.filter((place) => place.isTransposed === isTransposed);
			return places.length === 0 ? [] : stepsOf({ ...tensor, places }, isTransposed, operations);
		}),
	);
	rows.push(...zeros.map((zero) => zeroRow(zero, operations)));
	const steps = new StepTable(rows.length, {
		operandCount: Math.max(1, ...tensors.map(({ operands }) => operands.length)),
		outputCount: Math.max(1, ...tensors.map(({ places }) => places.length)),
	});
	rows.forEach(({ step }, row) => {
		steps.set(row, step);
	});
	return { operations: operations.all, steps, subjects: rows.map(({ subject }) => subject) };
}

interface Row {
	readonly step: Step;
	readonly subject: StepSubject;
}

function zeroRow(
	{ name, dtype, input, source, position, elementCount: count }: ZeroTensor,
	operations: OperationList,
): Row {
	return {
		subject: { name, inputs: [input], purpose: "zero", dtype },
		step: {
			operation: operations.indexOf({ kind: "scan", dtype }),
			elementCount: count,
			operands: [{ source, position }],
		},
	};
}

/** The steps of one tensor whose places are all transposed, or all not. */
function stepsOf(tensor: CanonicalStep, isTransposed: boolean, operations: OperationList): Row[] {
	const matrix = matrixOf(tensor, isTransposed);
	const operation = operationOf(tensor, matrix);
	const number = operations.indexOf(operation);
	const elementBytes = traitsOf(operation);
	const cuts = cutsOf(tensor);
	const { name, inputs, dtype } = tensor;
	const subject: StepSubject = { name, inputs, dtype, purpose: "write" };
	return cuts.slice(1).map((end, index): Row => {
		const begin = cuts[index] ?? 0;
		const operands = tensor.operands.map((operand, k) =>
			operandAt(operand, begin, elementBytes.operandByteLengths[k] ?? 0),
		);
		const outputs = tensor.places
			.filter((place) => place.begin <= begin && end <= place.begin + place.elementCount)
			.map(({ file, position, begin: first }) => ({
				file,
				position: position + (begin - first) * elementBytes.outputByteLength,
			}));
		return { subject, step: { operation: number, elementCount: end - begin, operands, outputs } };
	});
}

/** Element numbers at which an operand's part or an output begins or ends, ascending, each once. */
function cutsOf({ shape, operands, places }: CanonicalStep): number[] {
	const cuts = new Set([0, elementCount(shape)]);
	for (const { parts } of operands) {
		let begin = 0;
		for (const part of parts) {
			begin += part.elementCount;
			cuts.add(begin);
		}
	}
	for (const { begin, elementCount: count } of places) cuts.add(begin).add(begin + count);
	return [...cuts].sort((a, b) => a - b);
}

function operandAt({ parts }: CanonicalOperand, element: number, elementBytes: number): Operand {
	let begin = 0;
	for (const { source, position, elementCount: count } of parts) {
		if (element < begin + count) return { source, position: position + (element - begin) * elementBytes };
		begin += count;
	}
	// Only a tensor without elements comes here: it is read nowhere.
	return { source: parts[0]?.source ?? 0, position: parts[0]?.position ?? 0 };
}

/** The output as a matrix if some operand is stored the other way round than it; undefined otherwise. */
function matrixOf({ shape, operands }: CanonicalStep, isTransposed: boolean): OutputMatrix | undefined {
	const transposed = operands.map((operand) => operand.isTransposed !== isTransposed);
	if (!transposed.includes(true)) return undefined;
	const [rows = 1, columns = 1] = shape.map(Number);
	return isTransposed ? { rows: columns, columns: rows, transposed } : { rows, columns, transposed };
}

function operationOf({ isMean, dtype, operands, weights }: CanonicalStep, matrix: OutputMatrix | undefined): Operation {
	const inputs = operands.map((operand) => operand.dtype);
	const shared = matrix && { matrix };
	if (isMean && isFloatDtype(dtype) && inputs.every(isFloatDtype)) {
		return { kind: "mean", problem: { ...weights, inputs, output: dtype }, ...shared };
	}
	return { kind: "copy", operandCount: operands.length, elementByteLength: DTYPES[dtype].bits / 8, ...shared };
}
