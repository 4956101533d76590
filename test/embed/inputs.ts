import { join } from "node:path";
import { requirePreprocess } from "../../src/layouts/combine-facts.ts";
import { referenceImages } from "../../src/onnx/reference-inputs.ts";
import { type Given, openModel } from "../onnx/systems.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";

/** The pictures of `numerics-v1` as a tensor that is ready for the model. */
export async function readyPictures(given: Given, count = 2): Promise<TestTensor> {
	await using opened = await openModel(given);
	const preprocess = requirePreprocess(opened.model.knowledge);
	return pixels(referenceImages(count, preprocess), [count, 3, preprocess.size, preprocess.size]);
}

/** An F32 tensor of these values. */
export function pixels(values: Float32Array, shape: readonly number[]): TestTensor {
	return { dtype: "F32", shape, bytes: new Uint8Array(values.buffer) };
}

/** An I64 tensor of token ids. */
export function ids(values: readonly number[], shape: readonly number[]): TestTensor {
	return { dtype: "I64", shape, bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

/** A file of ready tensors in `folder`; returns its path. */
export function writeReady(
	folder: string,
	name: string,
	tensors: Readonly<Record<string, TestTensor>>,
): Promise<string> {
	return writeCheckpoint(join(folder, name), tensors);
}
