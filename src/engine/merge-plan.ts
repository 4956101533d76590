import type { Checkpoint, CheckpointTensor } from "../checkpoint/checkpoint.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import { type FloatDtype, isFloatDtype } from "../tensor/dtype.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { type Operation, OperationList, traitsOf } from "./operation.ts";
import { type Plan, type StepSubject, sourceNumbers, sourcesOf } from "./plan.ts";
import { type Operand, StepTable } from "./step-table.ts";
import type { PlannedFile } from "./weight-files.ts";

/** What becomes of a tensor: the mean of all inputs, the bytes they agree on, or one input's value. */
export type Treatment = "averaged" | "copied" | "kept";

/** A tensor of the output and how it comes about. */
export interface MergedTensor extends TensorInfo {
	readonly treatment: Treatment;
	/** Numbers, from 0, of the inputs that are read for it. */
	readonly inputs: readonly number[];
	/** The tensor in each of these inputs. */
	readonly operands: readonly CheckpointTensor[];
}

export interface MergeOptions {
	readonly weights: LinearWeights;
	/** Dtype of averaged and kept float tensors; undefined keeps each tensor's own. */
	readonly dtype: FloatDtype | undefined;
	/** Tensors taken from one input, by its number from 0. */
	readonly keep: ReadonlyMap<string, number>;
}

/** The tensors of the output of matching inputs, in the order of the first one. */
export function mergeTensors(inputs: readonly Checkpoint[], options: MergeOptions): MergedTensor[] {
	const everyInput = inputs.map((_, number) => number);
	const [first] = inputs;
	return [...(first?.tensors.values() ?? [])].map(({ name, shape, dtype: ownDtype }) => {
		const kept = options.keep.get(name);
		const numbers = kept === undefined ? everyInput : [kept];
		const operands = numbers.flatMap((number) => inputs[number]?.tensors.get(name) ?? []);
		const isFloat = operands.every(({ dtype }) => isFloatDtype(dtype));
		const dtype = (isFloat ? options.dtype : undefined) ?? operands[0]?.dtype ?? ownDtype;
		const treatment = kept !== undefined ? "kept" : isFloat ? "averaged" : "copied";
		return { name, shape, dtype, treatment, inputs: numbers, operands };
	});
}

/**
 * Turns tensors with their places into steps, in the order of the output's bytes.
 *
 * @param digestUnread whether inputs that a kept tensor does not read are read after all, for their digest
 */
export function planMerge(
	inputs: readonly Checkpoint[],
	merged: readonly MergedTensor[],
	files: readonly Pick<PlannedFile, "dataStart" | "tensors">[],
	options: { readonly weights: LinearWeights; readonly digestUnread: boolean },
): Plan {
	const byName = new Map(merged.map((tensor) => [tensor.name, tensor]));
	const extra = options.digestUnread ? unreadOperands(inputs, merged) : [];
	const steps = new StepTable(merged.length + extra.length, { operandCount: inputs.length, outputCount: 1 });
	const subjects: StepSubject[] = [];
	const operations = new OperationList();
	const sourceOf = sourceNumbers(inputs);
	const operandsOf = (numbers: readonly number[], tensors: readonly CheckpointTensor[]): Operand[] =>
		tensors.map(({ file, position }, index) => ({ source: sourceOf(numbers[index] ?? 0, file), position }));
	for (const [file, { dataStart, tensors }] of files.entries()) {
		for (const { name, begin, end } of tensors) {
			const tensor = byName.get(name);
			if (tensor === undefined) continue;
			const operation = operationFor(tensor, options.weights);
			steps.set(subjects.length, {
				operation: operations.indexOf(operation),
				elementCount: (end - begin) / traitsOf(operation).outputByteLength,
				operands: operandsOf(tensor.inputs, tensor.operands),
				outputs: [{ file, position: dataStart + begin }],
			});
			subjects.push({ name, inputs: tensor.inputs, purpose: "write", dtype: tensor.dtype });
		}
	}
	for (const { input, tensor } of extra) {
		steps.set(subjects.length, {
			operation: operations.indexOf({ kind: "digest" }),
			elementCount: tensor.byteLength,
			operands: operandsOf([input], [tensor]),
		});
		subjects.push({ name: tensor.name, inputs: [input], purpose: "digest", dtype: tensor.dtype });
	}
	return { operations: operations.all, steps, subjects, sources: sourcesOf(inputs) };
}

/** A tensor whose dtype and operands make it a mean, or bytes to be copied. */
function operationFor({ treatment, dtype, operands }: MergedTensor, weights: LinearWeights): Operation {
	const dtypes = operands.map((tensor) => tensor.dtype);
	if (!isFloatDtype(dtype) || !dtypes.every(isFloatDtype)) {
		return { kind: "copy", operandCount: operands.length, elementByteLength: 1 };
	}
	const problem = treatment === "kept" ? { weights: undefined, divisor: 1 } : weights;
	return { kind: "mean", problem: { ...problem, inputs: dtypes, output: dtype } };
}

/** Tensors of inputs that no step reads, because another input's value is kept. */
function unreadOperands(inputs: readonly Checkpoint[], merged: readonly MergedTensor[]) {
	return merged
		.filter(({ treatment }) => treatment === "kept")
		.flatMap(({ name, inputs: read }) =>
			inputs.flatMap((checkpoint, input) => {
				const tensor = checkpoint.tensors.get(name);
				return tensor && !read.includes(input) ? [{ input, tensor }] : [];
			}),
		);
}
