import { BLOCK_ELEMENTS, type MeanWorkspace } from "../../kernels/wasm.ts";
import type { FloatDtype } from "../../tensor/dtype.ts";

/** Scratch space of a thread, shared by all its runners: each uses it within one call only. */
const scratch: Float64Array[] = [];

/** A block of scratch space; equal numbers give the same block. */
export function scratchBlock(number: number): Float64Array {
	while (scratch.length <= number) scratch.push(new Float64Array(BLOCK_ELEMENTS));
	return scratch[number] ?? new Float64Array(BLOCK_ELEMENTS);
}

/**
 * Decodes `count` elements of a chunk block by block.
 *
 * @param dtypes one for each operand
 * @param use gets one float64 array for each operand, valid and free to be changed until it returns, and the number of
 *   elements in them
 */
export function forEachBlock(
	workspace: MeanWorkspace,
	dtypes: readonly FloatDtype[],
	count: number,
	use: (block: readonly Float64Array[], count: number) => void,
): void {
	const block = dtypes.map((_, k) => scratchBlock(k));
	for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
		const length = Math.min(BLOCK_ELEMENTS, count - first);
		for (const [k, dtype] of dtypes.entries()) block[k]?.set(workspace.decode(dtype, k, first, length));
		use(block, length);
	}
}
