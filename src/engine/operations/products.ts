import type { MeanWorkspace } from "../../kernels/wasm.ts";
import type { FloatDtype } from "../../tensor/dtype.ts";
import { MixtureProducts } from "../mixture-products.ts";
import { forEachBlock } from "./mixture-blocks.ts";
import type { Runner } from "./runner.ts";

/**
 * Inner products of the operands of a step, block by block.
 *
 * @param dtypes of the inputs, and of the mixture
 */
export function productsRunner(workspace: MeanWorkspace, dtypes: readonly FloatDtype[]): Runner {
	let products = new MixtureProducts(dtypes.length - 1);
	return {
		sources: workspace.sources.slice(0, dtypes.length),
		output: undefined,
		chunk(total) {
			forEachBlock(workspace, dtypes, total, (block, count) => products.add(block, count));
		},
		end() {
			const result = products.sums();
			products = new MixtureProducts(dtypes.length - 1);
			return result;
		},
	};
}
