import type { ClipModel } from "../checkpoint/model.ts";
import { ClipSoupError } from "../errors.ts";
import { meanScalar } from "../kernels/scalar.ts";
import type { CarriedTensor } from "../layouts/carried.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import { type FloatDtype, floatByteLength, isFloatDtype } from "../tensor/dtype.ts";
import { elementCount, equalShapes } from "../tensor/shape.ts";
import type { CanonicalOptions } from "./canonical-tensors.ts";

/**
 * The means of tensors that an output carries in its metadata, from wherever the models have them.
 *
 * One that some model lacks is left out. Without weights there is one model, whose bytes are kept as they are.
 * @throws {ClipSoupError} as `carriedMean`
 */
export async function carriedMeans(
	names: readonly string[],
	models: readonly ClipModel[],
	{ weights, dtype }: Pick<CanonicalOptions, "weights" | "dtype">,
): Promise<CarriedTensor[]> {
	const means: CarriedTensor[] = [];
	for (const name of names) {
		const found = await Promise.all(models.map((model) => readCarried(model, name)));
		const present = found.filter((tensor) => tensor !== undefined);
		const [first] = present;
		if (first === undefined || present.length < models.length) continue;
		means.push(weights === undefined ? first : carriedMean(present, weights, dtype));
	}
	return means;
}

async function readCarried(model: ClipModel, name: string): Promise<CarriedTensor | undefined> {
	const tensor = model.tensors.find((each) => each.name === name);
	const source = tensor?.sources[0];
	const bytes = source && (await model.checkpoints[source.folder]?.readTensor(source.name));
	if (tensor === undefined || bytes === undefined) return model.carried.find((each) => each.name === name);
	return { name, dtype: tensor.dtype, shape: tensor.shape, bytes };
}

/**
 * The mean of one tensor that every input carries, by the same arithmetic as those that are stored.
 *
 * @param dtype of the result; undefined keeps that of the inputs
 * @throws {ClipSoupError} ERR_DTYPE_MISMATCH, ERR_SHAPE_MISMATCH, ERR_NON_FINITE, ERR_OVERFLOW
 */
export function carriedMean(
	tensors: readonly CarriedTensor[],
	weights: LinearWeights,
	dtype?: FloatDtype,
): CarriedTensor {
	const [first, ...others] = tensors;
	if (first === undefined) throw new RangeError("A mean has at least one input");
	const { name, shape } = first;
	if (others.some((other) => !equalShapes(other.shape, shape))) {
		throw fault("ERR_SHAPE_MISMATCH", name, "inputs that carry it in different shapes");
	}
	const inputs = tensors.map((tensor) => tensor.dtype).filter(isFloatDtype);
	const output = dtype ?? inputs[0];
	if (output === undefined || inputs.length < tensors.length || (dtype === undefined && new Set(inputs).size > 1)) {
		throw fault("ERR_DTYPE_MISMATCH", name, `inputs that carry it as ${tensors.map((each) => each.dtype).join(", ")}`);
	}
	const count = elementCount(shape);
	const bytes = new Uint8Array(count * floatByteLength(output));
	const sources = tensors.map((tensor) => tensor.bytes);
	const { nonFinite, overflow } = meanScalar({ ...weights, inputs, output }, sources, bytes, count);
	if (nonFinite.some((found) => found > 0)) throw fault("ERR_NON_FINITE", name, "a carried value that is not finite");
	if (overflow > 0) throw fault("ERR_OVERFLOW", name, `a carried mean that ${output} cannot hold`);
	return { name, dtype: output, shape, bytes };
}

function fault(
	code: "ERR_SHAPE_MISMATCH" | "ERR_DTYPE_MISMATCH" | "ERR_NON_FINITE" | "ERR_OVERFLOW",
	name: string,
	found: string,
) {
	return new ClipSoupError(code, `Cannot average "${name}", which the inputs carry in their metadata: found ${found}`, {
		fix: "convert the inputs again from checkpoints that fit each other",
		details: { tensor: name },
	});
}
