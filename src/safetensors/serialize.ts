import { ClipSoupError, type ErrorCode } from "../errors.ts";
import { dtypeRank } from "../tensor/dtype.ts";
import { compareUtf8 } from "../tensor/names.ts";
import type { StoredTensor, TensorInfo } from "../tensor/tensor.ts";
import { tensorByteLength } from "./byte-length.ts";
import { LENGTH_BYTE_LENGTH, MAX_HEADER_BYTE_LENGTH } from "./header.ts";
import { METADATA_NAME } from "./header-json.ts";
import { hasLoneSurrogate } from "./json-reader.ts";
import { quote } from "./quote.ts";

/** The data section starts at a multiple of it, so that every tensor of whole bytes is aligned to its own elements. */
const ALIGNMENT = 8;
const SPACE = 0x20;

/** The bytes that open a file and the places of its tensors. */
export interface SerializedHeader {
	/** The 8 bytes of length and the padded JSON; the data section follows. */
	readonly bytes: Buffer;
	/** In data order. */
	readonly tensors: readonly StoredTensor[];
}

/**
 * Writes the header of a file with these tensors, byte for byte as the reference does; metadata keys are sorted besides.
 *
 * @throws {ClipSoupError} ERR_HEADER_DUPLICATE if a name repeats or is `__metadata__`, ERR_HEADER_ENCODING if a string holds
 * half a surrogate pair, ERR_TENSOR_SIZE if a tensor fills no whole bytes, ERR_HEADER_TOO_LARGE above 100,000,000 bytes.
 * @see `prepare` in safetensors 0.8, safetensors/src/tensor.rs
 */
export function serializeHeader(
	tensors: readonly TensorInfo[],
	metadata: ReadonlyMap<string, string>,
): SerializedHeader {
	assertUniqueNames(tensors);
	const stored = placeTensors(tensors.toSorted(compareCanonical));
	const entries = [...metadataEntries(metadata), ...stored.map(tensorEntry)];
	return { bytes: frame(Buffer.from(`{${entries.join(",")}}`)), tensors: stored };
}

/** Order of tensors in a file: dtypes by descending alignment, then names by their UTF-8 bytes. */
export function compareCanonical(a: TensorInfo, b: TensorInfo): number {
	return dtypeRank(b.dtype) - dtypeRank(a.dtype) || compareUtf8(a.name, b.name);
}

function placeTensors(tensors: readonly TensorInfo[]): StoredTensor[] {
	let begin = 0;
	return tensors.map((tensor) => {
		const end = begin + tensorByteLength(tensor);
		const { name, dtype, shape } = tensor;
		const stored = { name, dtype, shape, begin, end };
		begin = end;
		return stored;
	});
}

function metadataEntries(metadata: ReadonlyMap<string, string>): string[] {
	if (metadata.size === 0) return [];
	const entries = [...metadata].sort(([a], [b]) => compareUtf8(a, b));
	return [`"${METADATA_NAME}":{${entries.map(([key, value]) => `${jsonString(key)}:${jsonString(value)}`).join(",")}}`];
}

function tensorEntry({ name, dtype, shape, begin, end }: StoredTensor): string {
	return `${jsonString(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${begin},${end}]}`;
}

/** `JSON.stringify` escapes exactly what serde_json does, except halves of surrogate pairs, which Rust cannot hold. */
function jsonString(text: string): string {
	if (!hasLoneSurrogate(text)) return JSON.stringify(text);
	throw writeError("ERR_HEADER_ENCODING", `half a surrogate pair in ${quote(text)}`, "text that UTF-8 can hold");
}

function frame(json: Buffer): Buffer {
	const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
	if (length > MAX_HEADER_BYTE_LENGTH) {
		throw writeError("ERR_HEADER_TOO_LARGE", `${length} bytes`, `at most ${MAX_HEADER_BYTE_LENGTH}`);
	}
	const bytes = Buffer.alloc(LENGTH_BYTE_LENGTH + length, SPACE);
	bytes.writeBigUInt64LE(BigInt(length));
	json.copy(bytes, LENGTH_BYTE_LENGTH);
	return bytes;
}

function assertUniqueNames(tensors: readonly TensorInfo[]): void {
	const names = new Set([METADATA_NAME]);
	for (const { name } of tensors) {
		if (names.has(name)) throw writeError("ERR_HEADER_DUPLICATE", `${quote(name)} twice`, "every name once");
		names.add(name);
	}
}

function writeError(code: ErrorCode, found: string, expected: string): ClipSoupError {
	return new ClipSoupError(code, `Cannot write a safetensors header: found ${found}, expected ${expected}`, {
		details: { found, expected },
	});
}
