import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { serializeHeader } from "../src/safetensors/serialize.ts";
import type { FloatDtype } from "../src/tensor/dtype.ts";
import { floatByteLength } from "../src/tensor/dtype.ts";
import { encodeFloat } from "../src/tensor/float-bits.ts";
import { elementCount } from "../src/tensor/shape.ts";
import type { TensorInfo } from "../src/tensor/tensor.ts";

/** Standard deviation of the weights that are made up: that of a trained network's linear layers. */
const SPREAD = 0.02;
/** Distinct values before they repeat; the kernels' speed does not depend on them. */
const PERIOD = 1_000_003;

interface Inventory {
	readonly tensors: Readonly<Record<string, readonly [string, readonly number[]]>>;
}

/** Names and shapes of the full-size ConvNeXt-XXLarge CLIP, as open_clip lists them; `small` keeps every tenth. */
export function tensorsOf(dtype: FloatDtype, small: boolean): TensorInfo[] {
	const path = new URL("../fixtures/inventory/convnext_xxlarge.json", import.meta.url);
	const { tensors }: Inventory = JSON.parse(readFileSync(path, "utf8"));
	return Object.entries(tensors)
		.filter((_, index) => !small || index % 10 === 0)
		.map(([name, [, shape]]) => ({ name, dtype, shape }));
}

/** Makes the checkpoint `number` of that dtype in `folder`, unless it is there, and returns its path. */
export function makeInput(folder: string, dtype: FloatDtype, number: number, small: boolean): string {
	const path = join(folder, `${small ? "small" : "full"}-${dtype}-${number}.safetensors`);
	if (existsSync(path)) return path;
	mkdirSync(folder, { recursive: true });
	const tensors = tensorsOf(dtype, small);
	const header = serializeHeader(tensors, new Map([["format", "pt"]])).bytes;
	const descriptor = openSync(`${path}.part`, "w");
	writeSync(descriptor, header);
	const values = randomValues(dtype, number);
	let rest = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0) * floatByteLength(dtype);
	for (; rest > 0; rest -= values.length) writeSync(descriptor, values, 0, Math.min(values.length, rest));
	closeSync(descriptor);
	renameSync(`${path}.part`, path);
	return path;
}

export function byteLengthOf(path: string): number {
	return statSync(path).size;
}

/** Normally distributed values by Box and Muller over a linear congruential generator: the same on every machine. */
function randomValues(dtype: FloatDtype, seed: number): Uint8Array {
	const bytes = new Uint8Array(PERIOD * floatByteLength(dtype));
	const view = new DataView(bytes.buffer);
	let state = seed + 1;
	const uniform = () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return (state + 1) / 2 ** 32;
	};
	for (let i = 0; i < PERIOD; i++) {
		const value = SPREAD * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
		encodeFloat(dtype, value, view, i);
	}
	return bytes;
}
