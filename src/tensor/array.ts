import ndarray, { type NdArray } from "ndarray";
import { ClipSoupError } from "../errors.ts";
import type { Dtype, FloatDtype } from "./dtype.ts";
import { decodeFloat } from "./float-bits.ts";
import { elementCount } from "./shape.ts";
import type { TensorInfo } from "./tensor.ts";

/** Typed arrays that hold a tensor's values exactly. */
export type TensorValues =
	| Float64Array
	| Float32Array
	| Int8Array
	| Uint8Array
	| Int16Array
	| Uint16Array
	| Int32Array
	| Uint32Array
	| BigInt64Array<ArrayBuffer>
	| BigUint64Array<ArrayBuffer>;

/** What each dtype's values are widened to; dtypes that are not listed have no values JavaScript can hold. */
const ARRAYS: Partial<Record<Dtype, (buffer: ArrayBuffer) => TensorValues>> = {
	F64: (buffer) => new Float64Array(buffer),
	F32: (buffer) => new Float32Array(buffer),
	F16: widen("F16"),
	BF16: widen("BF16"),
	F8_E4M3: widen("F8_E4M3"),
	F8_E5M2: widen("F8_E5M2"),
	BOOL: (buffer) => new Uint8Array(buffer),
	U8: (buffer) => new Uint8Array(buffer),
	I8: (buffer) => new Int8Array(buffer),
	U16: (buffer) => new Uint16Array(buffer),
	I16: (buffer) => new Int16Array(buffer),
	U32: (buffer) => new Uint32Array(buffer),
	I32: (buffer) => new Int32Array(buffer),
	U64: (buffer) => new BigUint64Array(buffer),
	I64: (buffer) => new BigInt64Array(buffer),
};

/** float32 holds every value of the narrower float dtypes. */
function widen(dtype: FloatDtype): (buffer: ArrayBuffer) => Float32Array {
	return (buffer) => {
		const view = new DataView(buffer);
		const bytesPerElement = dtype === "F16" || dtype === "BF16" ? 2 : 1;
		return Float32Array.from({ length: buffer.byteLength / bytesPerElement }, (_, i) => decodeFloat(dtype, view, i));
	};
}

/**
 * A tensor's bytes as an ndarray of its shape, row-major; F16, BF16 and F8 become float32.
 *
 * @throws {ClipSoupError} ERR_TENSOR_DTYPE for F4, F6, F8_E8M0, the FNUZ dtypes and C64
 */
export function toArray({ name, dtype, shape }: TensorInfo, bytes: Uint8Array): NdArray<TensorValues> {
	const read = ARRAYS[dtype];
	if (read === undefined) {
		throw new ClipSoupError("ERR_TENSOR_DTYPE", `Cannot read the values of "${name}": found dtype ${dtype}`, {
			fix: "read its bytes instead: readTensor",
			details: { tensor: name, dtype },
		});
	}
	// A copy of its own: the bytes may start anywhere in their buffer.
	const buffer = new ArrayBuffer(bytes.byteLength);
	new Uint8Array(buffer).set(bytes);
	const values = read(buffer);
	if (values.length !== elementCount(shape)) throw new RangeError(`"${name}" has ${values.length} elements`);
	return ndarray(values, shape.map(Number));
}
