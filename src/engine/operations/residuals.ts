import type { MeanWorkspace } from "../../kernels/wasm.ts";
import type { FloatDtype } from "../../tensor/dtype.ts";
import { keepFinite } from "../mixture-products.ts";
import { forEachBlock, scratchBlock } from "./mixture-blocks.ts";
import type { Runner } from "./runner.ts";

/**
 * Squared distances of the last operand from mixtures of the others, element by element: inner products would lose what
 * lies below the square root of their rounding error.
 *
 * @param dtypes of the inputs, and of what is stored
 * @param mixtures weights of the inputs, used as they are
 */
export function residualsRunner(
	workspace: MeanWorkspace,
	dtypes: readonly FloatDtype[],
	mixtures: readonly (readonly number[])[],
): Runner {
	const difference = scratchBlock(dtypes.length);
	let squares = mixtures.map(() => 0);
	return {
		sources: workspace.sources.slice(0, dtypes.length),
		output: undefined,
		chunk(total) {
			forEachBlock(workspace, dtypes, total, (block, count) => {
				const finite = keepFinite(block, count);
				squares = squares.map((sum, index) => sum + residual(block, mixtures[index] ?? [], finite, difference));
			});
		},
		end() {
			const result = { kind: "residuals", squares } as const;
			squares = mixtures.map(() => 0);
			return result;
		},
	};
}

/** Squared distance of the last of `values` from a mixture of the others; `difference` is scratch space. */
function residual(
	values: readonly Float64Array[],
	weights: readonly number[],
	count: number,
	difference: Float64Array,
): number {
	difference.set(values.at(-1) ?? []);
	for (const [k, weight] of weights.entries()) {
		const operand = values[k] ?? difference;
		for (let index = 0; index < count; index++) {
			difference[index] = (difference[index] ?? 0) - weight * (operand[index] ?? 0);
		}
	}
	let squares = 0;
	for (let index = 0; index < count; index++) squares += (difference[index] ?? 0) ** 2;
	return squares;
}
