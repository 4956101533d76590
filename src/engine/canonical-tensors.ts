import { type ClipModel, storedOf } from "../checkpoint/model.ts";
import type { CanonicalTensor } from "../layouts/assemble.ts";
import type { CarriedTensor } from "../layouts/carried.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import { type Dtype, type FloatDtype, isFloatDtype } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { CanonicalOperand, CanonicalStep, ZeroTensor } from "./canonical-plan.ts";
import type { Treatment } from "./merge-plan.ts";
import { sourceNumbers, sourcesOf } from "./plan.ts";
import type { PassSource } from "./protocol.ts";

/** A canonical tensor of the output: how it comes about, but not yet where it goes. */
export type CanonicalSum = Omit<CanonicalStep, "places"> & { readonly treatment: Treatment };

export interface CanonicalOptions {
	/** Undefined copies one model's bytes as they are. */
	readonly weights: LinearWeights | undefined;
	/** Dtype of averaged float tensors; undefined keeps each tensor's own. */
	readonly dtype: FloatDtype | undefined;
	/** Canonical tensors taken from one input, by its number from 0. */
	readonly keep: ReadonlyMap<string, number>;
}

/** All canonical tensors of models that fit each other, and the sources their operands lie in. */
export interface CanonicalTensors {
	readonly tensors: readonly CanonicalSum[];
	readonly sources: readonly PassSource[];
	/** Stored biases that have to be 0. */
	readonly zeros: readonly ZeroTensor[];
}

/** Where all the tensors of models lie, in files or in memory, under their canonical names. */
export function gatherCanonical(models: readonly ClipModel[], options: CanonicalOptions): CanonicalTensors {
	const { located, sources, zeros } = locateCanonical(models);
	const [first = new Map()] = located;
	return { tensors: [...first.values()].map(({ info }) => sumOf(info, located, options)), sources, zeros };
}

/** A canonical tensor of one model, and where its elements lie. */
export interface LocatedTensor {
	readonly info: TensorInfo;
	readonly operand: CanonicalOperand;
}

/** All canonical tensors of models, each model on its own. */
export interface LocatedCanonical extends Omit<CanonicalTensors, "tensors"> {
	/** For each model, its tensors by name. */
	readonly located: readonly ReadonlyMap<string, LocatedTensor>[];
}

export function locateCanonical(models: readonly ClipModel[]): LocatedCanonical {
	const checkpoints = models.flatMap((model) => model.checkpoints);
	const sourceOf = sourceNumbers(checkpoints);
	const sources = sourcesOf(checkpoints);
	const firstOf = firstCheckpoints(models);
	const located = models.map((model, number) => {
		const operands = new Map<string, LocatedTensor>();
		const source = (folder: number, file: number) => sourceOf((firstOf[number] ?? 0) + folder, file);
		for (const info of model.tensors) operands.set(info.name, { info, operand: storedOperand(model, info, source) });
		for (const carried of model.carried) {
			const inline = sources.push({ name: `${model.path} (${carried.name})`, bytes: carried.bytes }) - 1;
			operands.set(carried.name, { info: carried, operand: carriedOperand(carried, inline) });
		}
		return operands;
	});
	const zeros = models.flatMap((model, number) =>
		model.reading.zeros.flatMap(({ folder, name }): ZeroTensor[] => {
			const tensor = storedOf(model, { folder, name });
			if (tensor === undefined || !isFloatDtype(tensor.dtype)) return [];
			const source = sourceOf((firstOf[number] ?? 0) + folder, tensor.file);
			const { dtype, position, shape } = tensor;
			return [{ name, dtype, input: number, source, position, elementCount: elementCount(shape) }];
		}),
	);
	return { located, sources, zeros };
}

function sumOf(
	{ name, shape }: TensorInfo,
	models: readonly ReadonlyMap<string, LocatedTensor>[],
	options: CanonicalOptions,
): CanonicalSum {
	const kept = options.keep.get(name);
	const inputs = kept === undefined ? models.map((_, number) => number) : [kept];
	const operands = inputs.flatMap((number) => models[number]?.get(name)?.operand ?? []);
	const isFloat = operands.every(({ dtype }) => isFloatDtype(dtype));
	const own: Dtype = operands[0]?.dtype ?? "F32";
	const isMean = options.weights !== undefined && isFloat;
	return {
		name,
		shape,
		dtype: (isMean ? options.dtype : undefined) ?? own,
		isMean,
		treatment: kept !== undefined ? "kept" : isMean ? "averaged" : "copied",
		weights: (kept === undefined ? options.weights : undefined) ?? { weights: undefined, divisor: 1 },
		inputs,
		operands,
	};
}

/** Number of each model's first checkpoint among those of all. */
function firstCheckpoints(models: readonly ClipModel[]): number[] {
	const firstOf: number[] = [];
	let next = 0;
	for (const { checkpoints } of models) {
		firstOf.push(next);
		next += checkpoints.length;
	}
	return firstOf;
}

function storedOperand(
	model: ClipModel,
	{ dtype, isTransposed, sources }: CanonicalTensor,
	source: (folder: number, file: number) => number,
): CanonicalOperand {
	const parts = sources.flatMap((stored) => {
		const tensor = storedOf(model, stored);
		if (tensor === undefined) return [];
		const { file, position, shape } = tensor;
		return [{ source: source(stored.folder, file), position, elementCount: elementCount(shape) }];
	});
	return { dtype, isTransposed, parts };
}

function carriedOperand({ dtype, shape }: CarriedTensor, source: number): CanonicalOperand {
	return { dtype, isTransposed: false, parts: [{ source, position: 0, elementCount: elementCount(shape) }] };
}
