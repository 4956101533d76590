import type { ClipModel } from "../checkpoint/model.ts";
import { ClipSoupError } from "../errors.ts";
import { meanScalar } from "../kernels/scalar.ts";
import type { CarriedTensor } from "../layouts/carried.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import { type FloatDtype, floatByteLength, isFloatDtype } from "../tensor/dtype.ts";
import { elementCount, equalShapes } from "../tensor/shape.ts";
import type { CanonicalOptions } from "./canonical-tensors.ts";

/**
 * The means of tensors that inputs carry in their metadata: one list for each input.
 *
 * One that some input lacks is left out, unless another input's value is kept. Without weights there is one input, whose
 * bytes stay as they are.
 * @throws {ClipSoupError} ERR_DTYPE_MISMATCH, ERR_SHAPE_MISMATCH, ERR_NON_FINITE, ERR_OVERFLOW
 */
export function meansOfCarried(
	inputs: readonly (readonly CarriedTensor[])[],
	{ weights, dtype, keep }: CanonicalOptions,
): CarriedTensor[] {
	const names = new Set(inputs.flatMap((tensors) => tensors.map(({ name }) => name)));
	return [...names].flatMap((name) => {
		const kept = keep.get(name);
		const wanted = kept === undefined ? inputs : inputs.slice(kept, kept + 1);
		const found = wanted.flatMap((tensors) => tensors.find((tensor) => tensor.name === name) ?? []);
		const [first] = found;
		if (first === undefined || found.length < wanted.length) return [];
		if (weights === undefined) return [first];
		return [carriedMean(found, kept === undefined ? weights : { weights: undefined, divisor: 1 }, dtype)];
	});
}

/** Names that some input carries and the output does not. */
export function lostNames(
	inputs: readonly (readonly CarriedTensor[])[],
	means: readonly CarriedTensor[],
): readonly string[] {
	const names = new Set(inputs.flatMap((tensors) => tensors.map(({ name }) => name)));
	return [...names].filter((name) => means.every((mean) => mean.name !== name));
}

/** Tensors of these canonical names as they are carried, from wherever the model has them. */
export async function readCarried(model: ClipModel, names: readonly string[]): Promise<CarriedTensor[]> {
	const found: CarriedTensor[] = [];
	for (const name of names) {
		const tensor = model.tensors.find((each) => each.name === name);
		const source = tensor?.sources[0];
		const bytes = source && (await model.checkpoints[source.folder]?.readTensor(source.name));
		if (tensor !== undefined && bytes !== undefined) {
			found.push({ name, dtype: tensor.dtype, shape: tensor.shape, bytes });
		} else found.push(...model.carried.filter((each) => each.name === name));
	}
	return found;
}

/** The mean of one tensor, by the same arithmetic as those that are stored. */
function carriedMean(
	tensors: readonly CarriedTensor[],
	weights: LinearWeights,
	dtype: FloatDtype | undefined,
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
