import { type FloatDtype, floatByteLength } from "../../src/tensor/dtype.ts";
import { decodeFloat, encodeFloat } from "../../src/tensor/float-bits.ts";

/** A source of reproducible numbers in [0, 1): mulberry32. */
export function randomNumbers(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** Kinds of values to fill a tensor with: `weights` look like a model's, `edges` are where kernels go wrong. */
export const KINDS = ["bits", "finiteBits", "weights", "subnormals", "edges", "aroundOne"] as const;
export type Kind = (typeof KINDS)[number];

const EDGES = [0, -0, 1, -1, 0.5, 2 ** -24, 2 ** -14, 2 ** -126, 2 ** -149, 65504, 65519.99, 448, 57344, 3.4028234e38];

/** Fills `bytes` with elements of one kind. */
export function fillElements(bytes: Uint8Array, dtype: FloatDtype, kind: Kind, random: () => number): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const count = bytes.byteLength / floatByteLength(dtype);
	for (let index = 0; index < count; index++) {
		if (kind === "bits" || kind === "finiteBits") {
			fillBits(view, dtype, index, random);
			if (kind === "bits" || Number.isFinite(decodeFloat(dtype, view, index))) continue;
		}
		encodeFloat(dtype, valueOfKind(kind, random), view, index);
	}
}

function valueOfKind(kind: Kind, random: () => number): number {
	const centred = random() + random() + random() - 1.5;
	switch (kind) {
		case "subnormals":
			return centred * 2 ** (-10 - Math.floor(random() * 20));
		case "edges":
			return (EDGES[Math.floor(random() * EDGES.length)] ?? 0) * (random() < 0.5 ? -1 : 1);
		case "aroundOne":
			return (random() < 0.9 ? 0.25 : 0.5) * (1 + (random() - 0.5) * 2 ** -6);
		default:
			return centred * 0.1;
	}
}

function fillBits(view: DataView, dtype: FloatDtype, index: number, random: () => number): void {
	const byteLength = floatByteLength(dtype);
	for (let byte = 0; byte < byteLength; byte++) view.setUint8(index * byteLength + byte, random() * 256);
}

/** The bytes of elements with the given values. */
export function elementsOf(dtype: FloatDtype, values: readonly number[]): Uint8Array {
	const bytes = new Uint8Array(values.length * floatByteLength(dtype));
	const view = new DataView(bytes.buffer);
	for (const [index, value] of values.entries()) encodeFloat(dtype, value, view, index);
	return bytes;
}

/** The values of all elements of `bytes`. */
export function valuesOf(dtype: FloatDtype, bytes: Uint8Array): number[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	return Array.from({ length: bytes.byteLength / floatByteLength(dtype) }, (_, index) =>
		decodeFloat(dtype, view, index),
	);
}
