import { BLOCK_ELEMENTS, type MeanWorkspace } from "../../kernels/wasm.ts";
import type { FloatDtype } from "../../tensor/dtype.ts";

/**
 * Decodes the elements of a chunk block by block.
 *
 * @param dtypes one for each operand
 * @returns a function of the chunk's element count and of what is done with a block: one float64 array for each operand,
 *   valid and free to be changed until it returns, and the number of elements in them
 */
export function mixtureBlocks(
	workspace: MeanWorkspace,
	dtypes: readonly FloatDtype[],
): (count: number, use: (block: readonly Float64Array[], count: number) => void) => void {
	const block = dtypes.map(() => new Float64Array(BLOCK_ELEMENTS));
	return (count, use) => {
		for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
			const length = Math.min(BLOCK_ELEMENTS, count - first);
			for (const [k, dtype] of dtypes.entries()) block[k]?.set(workspace.decode(dtype, k, first, length));
			use(block, length);
		}
	};
}
