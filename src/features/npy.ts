import type { FeatureArray } from "./features.ts";

/** `\x93NUMPY`, version 1.0. */
const MAGIC = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);

/** Bytes of the little-endian length that follows it. */
const LENGTH_BYTE_LENGTH = 2;

/** The data starts at a multiple of it. */
const ALIGNMENT = 64;

/**
 * An array as NumPy's own file format, float32 little-endian in C order.
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function npyBytes({ shape, values }: Pick<FeatureArray, "shape" | "values">): Uint8Array {
	const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
	const unpadded = MAGIC.length + LENGTH_BYTE_LENGTH + header.length + 1;
	const padding = " ".repeat(Math.ceil(unpadded / ALIGNMENT) * ALIGNMENT - unpadded);
	const text = Buffer.from(`${header}${padding}\n`, "latin1");
	const length = Buffer.alloc(LENGTH_BYTE_LENGTH);
	length.writeUInt16LE(text.length);
	return Buffer.concat([MAGIC, length, text, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]);
}
