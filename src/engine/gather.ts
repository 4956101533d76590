import { readFully } from "../bytes/descriptor.ts";
import type { PassSource } from "./protocol.ts";

/** A matrix `[rows, columns]` of the output that an operand stores as `[columns, rows]`. */
export interface Transposition {
	readonly rows: number;
	readonly columns: number;
}

/** Reads the same bytes whether they lie in a file or, as carried tensors do, in memory. */
export function readSource(source: PassSource, target: Uint8Array, position: number): void {
	if ("bytes" in source) target.set(source.bytes.subarray(position, position + target.byteLength));
	else readFully(source.descriptor, target, position, source.name);
}

/**
 * Reads rows `[first, first + count)` of the output's matrix from an operand that stores it transposed.
 *
 * Each of the operand's rows gives `count` neighbouring elements, which go to one column of `target`. Memory is
 * `target` and one such run, however large the matrix is.
 *
 * @param target receives `count × columns` elements, row-major; its length says how wide an element is
 * @param position of the operand's first element
 */
export function readTransposed(
	source: PassSource,
	target: Uint8Array,
	position: number,
	{ rows, columns }: Transposition,
	{ first, count }: { readonly first: number; readonly count: number },
): void {
	const elementBytes = target.byteLength / (count * columns);
	const run = new Uint8Array(count * elementBytes);
	const stride = columns * elementBytes;
	for (let column = 0; column < columns; column++) {
		readSource(source, run, position + (column * rows + first) * elementBytes);
		for (let byte = 0; byte < elementBytes; byte++) {
			let to = column * elementBytes + byte;
			for (let from = byte; from < run.length; from += elementBytes, to += stride) target[to] = run[from] ?? 0;
		}
	}
}
