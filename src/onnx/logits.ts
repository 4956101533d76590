import { type ClipModel, storedOf } from "../checkpoint/model.ts";
import { ClipSoupError } from "../errors.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { decodeFloat } from "../tensor/float-bits.ts";

/** What turns cosines into logits: a factor, `exp(logit_scale)`, and a summand. */
export interface Temperature {
	readonly scale: number;
	readonly bias: number;
}

/** Lower bound of a feature vector's length. Source: `torch.nn.functional.normalize`, default of `eps`. */
export const LENGTH_EPS = 1e-12;

/**
 * Reads `logit_scale`, which is a logarithm, and `logit_bias`, 0 where there is none.
 *
 * @throws {ClipSoupError} ERR_TENSOR_MISSING without a temperature
 */
export async function readTemperature(model: ClipModel): Promise<Temperature> {
	const logarithm = await readScalar(model, "logit_scale");
	if (logarithm === undefined) {
		throw new ClipSoupError(
			"ERR_TENSOR_MISSING",
			`Cannot compute the logits of "${model.path}": found no tensor "logit_scale", expected one`,
			{ fix: "give it with --logit-scale", details: { tensor: "logit_scale" } },
		);
	}
	return { scale: Math.exp(logarithm), bias: (await readScalar(model, "logit_bias")) ?? 0 };
}

/**
 * `scale · cos(image, text) + bias` for every image and text, row-major `[images, texts]`, in float64.
 *
 * @param features of one image or text, by which both arrays are rows
 */
export function logitsPerImage(
	images: ArrayLike<number>,
	texts: ArrayLike<number>,
	features: number,
	{ scale, bias }: Temperature,
): Float64Array {
	const [imageRows, textRows] = [normalisedRows(images, features), normalisedRows(texts, features)];
	return Float64Array.from(imageRows.flatMap((image) => textRows.map((text) => scale * dot(image, text) + bias)));
}

/** Rows of `width` elements, each divided by its length. */
export function normalisedRows(values: ArrayLike<number>, width: number): Float64Array[] {
	return Array.from({ length: values.length / width }, (_, row) => {
		const vector = Float64Array.from({ length: width }, (_, column) => values[row * width + column] ?? Number.NaN);
		const length = Math.max(Math.sqrt(dot(vector, vector)), LENGTH_EPS);
		return vector.map((value) => value / length);
	});
}

function dot(a: Float64Array, b: Float64Array): number {
	return a.reduce((sum, value, index) => sum + value * (b[index] ?? Number.NaN), 0);
}

async function readScalar(model: ClipModel, name: string): Promise<number | undefined> {
	const carried = model.carried.find((tensor) => tensor.name === name);
	const source = model.tensors.find((tensor) => tensor.name === name)?.sources[0];
	const stored = source && storedOf(model, source);
	const bytes = carried?.bytes ?? (source && (await model.checkpoints[source.folder]?.readTensor(source.name)));
	const dtype = (carried ?? stored)?.dtype;
	if (bytes === undefined || dtype === undefined) return undefined;
	if (isFloatDtype(dtype)) return decodeFloat(dtype, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
	throw new ClipSoupError("ERR_TENSOR_DTYPE", `Cannot read "${name}": found ${dtype}, expected a float`, {
		fix: "give the temperature with --logit-scale",
		details: { tensor: name, dtype },
	});
}
