import type { MeanProblem } from "../kernels/mean-problem.ts";
import { type FloatDtype, floatByteLength } from "../tensor/dtype.ts";

/**
 * What is done with the bytes of one step. Plain data, so that it crosses to the worker threads.
 *
 * - `mean`: n operands → one output, by `MeanProblem`.
 * - `copy`: n operands that should be equal → the first of them, bit for bit; tells which ones are not equal.
 * - `digest`: one operand; nothing is written. Worth something only in a pass with digests. Its elements may be those of
 *   a transposed matrix, or lie in several equal `parts`, one an operand, that are taken as one run.
 * - `scan`: one operand → `TensorStatistics`.
 * - `finite`: one operand → `NonFiniteElements`, if it has any; as fast as memory, where `scan` is not.
 * - `compare`: two operands of one float dtype, or two runs of bytes → `TensorDifference`.
 * - `recompute`: n operands and what should be their mean by `MeanProblem` → `MeanDeviation` where it is not.
 * - `products`: n operands and a mixture of them → `ProductSums`.
 * - `residuals`: the same operands, and mixtures to be tried → `ResidualSums`.
 */
export type Operation =
	| { readonly kind: "mean"; readonly problem: MeanProblem; readonly matrix?: OutputMatrix }
	| {
			readonly kind: "copy";
			readonly operandCount: number;
			/** 1 counts bytes; a matrix counts its elements. */
			readonly elementByteLength: number;
			readonly matrix?: OutputMatrix;
	  }
	| {
			readonly kind: "digest";
			/** If not given, elements are bytes; a matrix needs its own. */
			readonly elementByteLength?: number;
			readonly parts?: number;
			readonly matrix?: OutputMatrix;
	  }
	| { readonly kind: "scan"; readonly dtype: FloatDtype }
	| { readonly kind: "finite"; readonly dtype: FloatDtype }
	| { readonly kind: "compare"; readonly dtypes: readonly [FloatDtype, FloatDtype] | undefined }
	| { readonly kind: "recompute"; readonly problem: MeanProblem; readonly matrix?: OutputMatrix }
	| { readonly kind: "products"; readonly dtypes: readonly FloatDtype[]; readonly matrix?: OutputMatrix }
	| {
			readonly kind: "residuals";
			readonly dtypes: readonly FloatDtype[];
			/** Of each mixture one weight for each operand but the last. */
			readonly mixtures: readonly (readonly number[])[];
			readonly matrix?: OutputMatrix;
	  };

/** An output, or an operand that stands for it, that is a row-major matrix which some operands store the other way round. */
export interface OutputMatrix {
	readonly rows: number;
	readonly columns: number;
	/** For each operand, whether it is stored as `[columns, rows]`. */
	readonly transposed: readonly boolean[];
}

/** What planning needs to know of an operation. */
export interface OperationTraits {
	/** Bytes of one element of each operand. */
	readonly operandByteLengths: readonly number[];
	/** Bytes of one element of the output; 0 if nothing is written. */
	readonly outputByteLength: number;
	/** `tensor`: the chunks of a step go to one thread, in order, and give one result. `element`: any thread, any order. */
	readonly granularity: "element" | "tensor";
	/** How many operands of equal length follow each other as one run, in one buffer. */
	readonly parts?: number;
	/** Chunks hold whole rows of it. */
	readonly matrix?: OutputMatrix;
}

/** Traits of an operation: the only place that says how its elements are counted. */
export function traitsOf(operation: Operation): OperationTraits {
	switch (operation.kind) {
		case "mean":
			return {
				operandByteLengths: operation.problem.inputs.map(floatByteLength),
				outputByteLength: floatByteLength(operation.problem.output),
				granularity: "element",
				...(operation.matrix && { matrix: operation.matrix }),
			};
		case "copy":
			return {
				operandByteLengths: Array.from({ length: operation.operandCount }, () => operation.elementByteLength),
				outputByteLength: operation.elementByteLength,
				granularity: "element",
				...(operation.matrix && { matrix: operation.matrix }),
			};
		case "digest":
			return {
				operandByteLengths: [operation.elementByteLength ?? 1],
				outputByteLength: 0,
				granularity: "tensor",
				...(operation.parts && { parts: operation.parts }),
				...(operation.matrix && { matrix: operation.matrix }),
			};
		case "scan":
		case "finite":
			return { operandByteLengths: [floatByteLength(operation.dtype)], outputByteLength: 0, granularity: "tensor" };
		case "compare":
			return {
				operandByteLengths: operation.dtypes?.map(floatByteLength) ?? [1, 1],
				outputByteLength: 0,
				granularity: "tensor",
			};
		case "recompute":
			return {
				operandByteLengths: [...operation.problem.inputs, operation.problem.output].map(floatByteLength),
				outputByteLength: 0,
				granularity: "element",
				...(operation.matrix && { matrix: operation.matrix }),
			};
		case "products":
		case "residuals":
			// One thread sees a tensor's elements in order: float64 sums do not depend on the number of threads.
			return {
				operandByteLengths: operation.dtypes.map(floatByteLength),
				outputByteLength: 0,
				granularity: "tensor",
				...(operation.matrix && { matrix: operation.matrix }),
			};
	}
}

/** Distinct operations, numbered in the order they are met. */
export class OperationList {
	readonly all: Operation[] = [];
	readonly #numbers = new Map<string, number>();

	/** The number of an operation, the same for equal ones. */
	indexOf(operation: Operation): number {
		const key = JSON.stringify(operation);
		const known = this.#numbers.get(key);
		if (known !== undefined) return known;
		this.#numbers.set(key, this.all.length);
		return this.all.push(operation) - 1;
	}
}
