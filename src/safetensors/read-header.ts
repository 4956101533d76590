import { createHash } from "node:crypto";
import type { ByteSource } from "../bytes/byte-source.ts";
import { ClipSoupError } from "../errors.ts";
import { FOREIGN_PREFIX_BYTE_LENGTH, foreignFormatError } from "./foreign.ts";
import { type Header, LENGTH_BYTE_LENGTH, MAX_HEADER_BYTE_LENGTH, parseHeader } from "./header.ts";
import { DOWNLOAD_AGAIN, headerError } from "./header-error.ts";
import type { FileExtent } from "./validate.ts";

/** The shortest header is `{}`. */
const MIN_HEADER_BYTE_LENGTH = 2;

/** A header and its place in the file. */
export interface LocatedHeader {
	readonly header: Header;
	/** Bytes of JSON, padding included, without the 8 bytes that count them. */
	readonly headerByteLength: number;
	/** SHA-256 of those bytes, 64 hex digits. */
	readonly headerSha256: string;
	/** Position in the file of a tensor whose `begin` is 0. */
	readonly dataStart: number;
}

/**
 * Reads and checks the header of a safetensors file, in at most two reads.
 *
 * Allocates no more than the file has bytes, nor than the format allows to a header.
 * @throws {ClipSoupError} ERR_FOREIGN_FORMAT if the file is of another known format; ERR_HEADER_TOO_SMALL,
 * ERR_HEADER_TOO_LARGE, ERR_HEADER_LENGTH or what `parseHeader` throws if it breaks the format; what `source` throws.
 */
export async function readHeader(source: ByteSource): Promise<LocatedHeader> {
	const prefix = Buffer.alloc(Math.min(FOREIGN_PREFIX_BYTE_LENGTH, source.byteLength));
	await source.read(0, prefix);
	const file = { name: source.name, fileByteLength: source.byteLength };
	try {
		const bytes = await readHeaderBytes(source, prefix, checkHeaderLength(prefix, file));
		return {
			header: parseHeader(bytes, file),
			headerByteLength: bytes.length,
			headerSha256: createHash("sha256").update(bytes).digest("hex"),
			dataStart: LENGTH_BYTE_LENGTH + bytes.length,
		};
	} catch (error) {
		if (!(error instanceof ClipSoupError)) throw error;
		throw foreignFormatError(prefix, file.name, error) ?? error;
	}
}

function checkHeaderLength(prefix: Buffer, { name: file, fileByteLength }: FileExtent): number {
	if (fileByteLength < LENGTH_BYTE_LENGTH) {
		const expected = `at least ${LENGTH_BYTE_LENGTH}`;
		throw headerError("ERR_HEADER_TOO_SMALL", {
			file,
			found: `${fileByteLength} bytes`,
			expected,
			fix: DOWNLOAD_AGAIN,
		});
	}
	const length = prefix.readBigUInt64LE();
	const found = `a header length of ${length}`;
	if (length > MAX_HEADER_BYTE_LENGTH) {
		const expected = `at most ${MAX_HEADER_BYTE_LENGTH}`;
		throw headerError("ERR_HEADER_TOO_LARGE", {
			file,
			found,
			expected,
			fix: "make sure that it is a safetensors file",
		});
	}
	if (length < MIN_HEADER_BYTE_LENGTH) {
		const expected = `at least ${MIN_HEADER_BYTE_LENGTH}`;
		throw headerError("ERR_HEADER_LENGTH", { file, found, expected, fix: DOWNLOAD_AGAIN });
	}
	const missing = LENGTH_BYTE_LENGTH + Number(length) - fileByteLength;
	if (missing > 0) {
		const expected = `at most ${fileByteLength - LENGTH_BYTE_LENGTH}, what the file has after it (missing: ${missing} bytes)`;
		throw headerError("ERR_HEADER_LENGTH", { file, found, expected, fix: DOWNLOAD_AGAIN });
	}
	return Number(length);
}

async function readHeaderBytes(source: ByteSource, prefix: Buffer, length: number): Promise<Buffer> {
	const known = prefix.subarray(LENGTH_BYTE_LENGTH, LENGTH_BYTE_LENGTH + length);
	if (known.length === length) return known;
	const bytes = Buffer.allocUnsafeSlow(length);
	known.copy(bytes);
	await source.read(prefix.length, bytes.subarray(known.length));
	return bytes;
}
