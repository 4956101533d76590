import { ClipSoupError } from "../errors.ts";
import { DTYPES } from "../tensor/dtype.ts";
import { formatShape, type Shape } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { headerError } from "./header-error.ts";
import { quote } from "./quote.ts";

const MAX_U64 = 2n ** 64n - 1n;
/** Below it, times the 64 bits of the widest dtype, a product stays exact in a number. */
const MAX_EXACT_COUNT = 2 ** 47;
/** A hostile shape can have millions of dimensions; no message needs them. */
const MAX_SHOWN_RANK = 16;

/**
 * Bytes of a tensor's data; `file` is what messages call the file it is in, if any.
 *
 * Dimensions are multiplied from left to right and then by the bits of the dtype, as the reference does: `[2^63, 4, 0]` is
 * over 64 bits and refused, `[0, 2^63, 4]` is empty.
 * @throws {ClipSoupError} ERR_TENSOR_SIZE if a product passes 64 bits, or the bits of a sub-byte dtype fill no whole bytes.
 */
export function tensorByteLength(tensor: TensorInfo, file?: string): number {
	const { bits } = DTYPES[tensor.dtype];
	let count = 1;
	for (const dimension of tensor.shape) {
		count = typeof dimension === "number" && count <= MAX_EXACT_COUNT ? count * dimension : Number.NaN;
	}
	if (count <= MAX_EXACT_COUNT && (count * bits) % 8 === 0) return (count * bits) / 8;
	return checkedByteLength(tensor, BigInt(bits), file);
}

/** `F32 [768, 512]`, short enough for a message. */
export function describeTensor({ dtype, shape }: TensorInfo): string {
	return `${dtype} ${describeShape(shape)}`;
}

function checkedByteLength(tensor: TensorInfo, dtypeBits: bigint, file: string | undefined): number {
	let bits = 1n;
	for (const dimension of tensor.shape) {
		bits *= BigInt(dimension);
		if (bits > MAX_U64) break;
	}
	if (bits <= MAX_U64) bits *= dtypeBits;
	if (bits > MAX_U64) throw sizeError(tensor, file, "more than 2^64 bits of data", "a size that fits 64 bits");
	if (bits % 8n !== 0n) throw sizeError(tensor, file, `${bits} bits of data`, "a whole number of bytes");
	return Number(bits / 8n);
}

function sizeError(tensor: TensorInfo, file: string | undefined, found: string, expected: string): ClipSoupError {
	const fault = { tensor: tensor.name, found: `${found} for ${describeTensor(tensor)}`, expected };
	if (file !== undefined) return headerError("ERR_TENSOR_SIZE", { file, ...fault });
	const message = `Cannot size ${quote(tensor.name)}: found ${fault.found}, expected ${expected}`;
	return new ClipSoupError("ERR_TENSOR_SIZE", message, { details: fault });
}

function describeShape(shape: Shape): string {
	return shape.length <= MAX_SHOWN_RANK ? formatShape(shape) : `of ${shape.length} dimensions`;
}
