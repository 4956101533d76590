import type { StoredTensor } from "../tensor/tensor.ts";
import { describeTensor, tensorByteLength } from "./byte-length.ts";
import { DOWNLOAD_AGAIN, headerError, SAVE_AGAIN } from "./header-error.ts";

/** A file as its header has to fit it. */
export interface FileExtent {
	/** What messages call it. */
	readonly name: string;
	readonly fileByteLength: number;
}

/**
 * Makes sure that the tensors tile the data section: from 0 to the end of the file, without a hole, an overlap or a rest.
 *
 * `tensors` are in data order, `dataStart` is the position of the data section in the file. This rule is what keeps a header
 * from claiming more memory than the file has bytes, and two tensors from sharing any.
 * @throws {ClipSoupError} ERR_TENSOR_OFFSETS, ERR_TENSOR_SIZE, ERR_FILE_TRUNCATED or ERR_FILE_TRAILING_BYTES.
 */
export function validateTensors(tensors: readonly StoredTensor[], dataStart: number, file: FileExtent): void {
	let position = 0;
	for (const tensor of tensors) {
		validateTensor(tensor, position, file.name);
		position = tensor.end;
	}
	validateFileLength(dataStart + position, file);
}

function validateTensor(tensor: StoredTensor, position: number, file: string): void {
	const { name, begin, end } = tensor;
	if (begin !== position || end < begin) {
		const expected =
			begin === position
				? "an end that is not before the begin"
				: `a begin of ${position}, where the data before it ends`;
		throw headerError("ERR_TENSOR_OFFSETS", { file, tensor: name, found: `data_offsets [${begin}, ${end}]`, expected });
	}
	const byteLength = tensorByteLength(tensor, file);
	if (end - begin === byteLength) return;
	throw headerError("ERR_TENSOR_SIZE", {
		file,
		tensor: name,
		found: `data_offsets [${begin}, ${end}], ${end - begin} bytes`,
		expected: `${byteLength} bytes for ${describeTensor(tensor)}`,
	});
}

function validateFileLength(expected: number, { name, fileByteLength }: FileExtent): void {
	const missing = expected - fileByteLength;
	if (missing === 0) return;
	const isTruncated = missing > 0;
	throw headerError(isTruncated ? "ERR_FILE_TRUNCATED" : "ERR_FILE_TRAILING_BYTES", {
		file: name,
		found: `${fileByteLength} bytes`,
		expected: `${expected} as its header says (${isTruncated ? "missing" : "too many"}: ${Math.abs(missing)})`,
		fix: isTruncated ? DOWNLOAD_AGAIN : `${DOWNLOAD_AGAIN}, or ${SAVE_AGAIN}`,
	});
}
