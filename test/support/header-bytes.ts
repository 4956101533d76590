const LENGTH_BYTE_LENGTH = 8;

/** Fields of a header as they are written, right or wrong. */
export type HeaderFields = Readonly<Record<string, unknown>>;

/**
 * A safetensors file as bytes: length, header, data.
 *
 * `header` is taken as it is if it is text or bytes and written as compact JSON otherwise; `data` is its bytes or their count.
 */
export function headerBytes(header: string | Uint8Array | HeaderFields, data: Uint8Array | number = 0): Buffer {
	const json =
		header instanceof Uint8Array ? header : Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
	const length = Buffer.alloc(LENGTH_BYTE_LENGTH);
	length.writeBigUInt64LE(BigInt(json.length));
	return Buffer.concat([length, json, typeof data === "number" ? Buffer.alloc(data) : data]);
}
