import { isUtf8 } from "node:buffer";
import type { StoredTensor } from "../tensor/tensor.ts";
import { headerError } from "./header-error.ts";
import { readHeaderJson } from "./header-json.ts";
import { type FileExtent, validateTensors } from "./validate.ts";

/** Bytes of the little-endian u64 that opens a file and counts the bytes of JSON after it. */
export const LENGTH_BYTE_LENGTH = 8;

/** Bytes of JSON the reference reads at most. Source: `MAX_HEADER_SIZE` in safetensors 0.8, safetensors/src/tensor.rs. */
export const MAX_HEADER_BYTE_LENGTH = 100_000_000;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** A header that was checked against its file. */
export interface Header {
	/** Entries of `__metadata__` in the header's order; empty when there is none. */
	readonly metadata: ReadonlyMap<string, string>;
	/** In data order: each tensor's bytes follow those of the one before, from 0 to `dataByteLength`. */
	readonly tensors: readonly StoredTensor[];
	readonly dataByteLength: number;
}

/**
 * Parses the JSON bytes of a header and checks every rule of the format against the length of the file.
 *
 * Takes up to three times the memory of `bytes`, for the smallest possible tensor entries.
 * @throws {ClipSoupError} ERR_HEADER_ENCODING, ERR_HEADER_JSON, ERR_HEADER_DUPLICATE, ERR_HEADER_METADATA, ERR_TENSOR_ENTRY,
 * ERR_TENSOR_DTYPE, ERR_TENSOR_OFFSETS, ERR_TENSOR_SIZE, ERR_FILE_TRUNCATED or ERR_FILE_TRAILING_BYTES.
 * @see https://github.com/huggingface/safetensors#format
 */
export function parseHeader(bytes: Buffer, file: FileExtent): Header {
	checkEncoding(bytes, file.name);
	const { metadata, tensors } = readHeaderJson(bytes, file.name);
	tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
	validateTensors(tensors, LENGTH_BYTE_LENGTH + bytes.length, file);
	return { metadata, tensors, dataByteLength: tensors.at(-1)?.end ?? 0 };
}

function checkEncoding(bytes: Buffer, file: string): void {
	if (!isUtf8(bytes)) {
		throw headerError("ERR_HEADER_ENCODING", {
			file,
			found: "bytes that are not UTF-8",
			expected: "a header in UTF-8",
		});
	}
	if (bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) {
		throw headerError("ERR_HEADER_ENCODING", { file, found: "a byte order mark", expected: '"{"' });
	}
}
