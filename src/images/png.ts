/** What a PNG's own chunks say of its pixels. Source: PNG Specification, third edition, §5.3 and §11.2. */
export interface PngHeader {
	readonly bitDepth: number;
	readonly colourType: number;
	/** Red, green, blue of each colour; empty without a palette. */
	readonly palette: Uint8Array;
}

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** `IHDR` is the first chunk, its data begins after the chunk's length and type: width, height, bit depth, colour type. */
const BIT_DEPTH_AT = 24;
const COLOUR_TYPE_AT = 25;
/** Length, type and checksum of a chunk. */
const CHUNK_OVERHEAD = 12;
const PLTE = 0x504c5445;
const IDAT = 0x49444154;

/** Reads header and palette of the bytes of a PNG; undefined if they end before its pixels. */
export function readPngHeader(bytes: Uint8Array): PngHeader | undefined {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let palette = new Uint8Array(0);
	for (let at = PNG_SIGNATURE.length; at + CHUNK_OVERHEAD <= bytes.length; ) {
		const length = view.getUint32(at);
		const type = view.getUint32(at + 4);
		if (type === PLTE) palette = bytes.slice(at + 8, at + 8 + length);
		if (type === IDAT && at > COLOUR_TYPE_AT)
			return { bitDepth: view.getUint8(BIT_DEPTH_AT), colourType: view.getUint8(COLOUR_TYPE_AT), palette };
		at += CHUNK_OVERHEAD + length;
	}
	return undefined;
}
