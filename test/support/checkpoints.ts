import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { serializeHeader } from "../../src/safetensors/serialize.ts";
import { type Dtype, floatByteLength, isFloatDtype } from "../../src/tensor/dtype.ts";
import { encodeFloat } from "../../src/tensor/float-bits.ts";
import type { Shape } from "../../src/tensor/shape.ts";

/** A tensor of a checkpoint that a test makes: float values, or bytes as they are. */
export interface TestTensor {
	readonly dtype: Dtype;
	readonly shape: Shape;
	readonly values?: readonly number[];
	readonly bytes?: Uint8Array;
}

/** The bytes of a safetensors file with these tensors. */
export function checkpointBytes(
	tensors: ReadonlyMap<string, TestTensor> | Readonly<Record<string, TestTensor>>,
	metadata: Readonly<Record<string, string>> = { format: "pt" },
): Buffer {
	const byName = tensors instanceof Map ? tensors : new Map<string, TestTensor>(Object.entries(tensors));
	const infos = [...byName].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
	const { bytes: header, tensors: stored } = serializeHeader(infos, new Map(Object.entries(metadata)));
	const parts = stored.map(({ name, begin, end }) => tensorBytes(byName.get(name), end - begin));
	return Buffer.concat([header, ...parts]);
}

/** Writes such a file, its folder too, and returns its path. */
export async function writeCheckpoint(
	path: string,
	tensors: ReadonlyMap<string, TestTensor> | Readonly<Record<string, TestTensor>>,
	metadata?: Readonly<Record<string, string>>,
): Promise<string> {
	await mkdir(dirname(path), { recursive: true });
	await writeFile(path, checkpointBytes(tensors, metadata));
	return path;
}

/** An F32 vector. */
export function f32(...values: readonly number[]): TestTensor {
	return { dtype: "F32", shape: [values.length], values };
}

function tensorBytes(tensor: TestTensor | undefined, byteLength: number): Uint8Array {
	const bytes = new Uint8Array(byteLength);
	if (tensor?.bytes) bytes.set(tensor.bytes);
	const dtype = tensor?.dtype;
	if (tensor?.values && dtype !== undefined && isFloatDtype(dtype)) {
		const view = new DataView(bytes.buffer);
		tensor.values.slice(0, byteLength / floatByteLength(dtype)).forEach((value, index) => {
			encodeFloat(dtype, value, view, index);
		});
	}
	return bytes;
}
