import type { Dtype } from "./dtype.ts";
import type { Shape } from "./shape.ts";

/** What a header says of a tensor, without its place in a file. */
export interface TensorInfo {
	readonly name: string;
	readonly dtype: Dtype;
	readonly shape: Shape;
}

/** A tensor and the bytes `[begin, end)` of a data section that it owns. */
export interface StoredTensor extends TensorInfo {
	readonly begin: number;
	readonly end: number;
}
