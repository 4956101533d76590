import { BLOCK_ELEMENTS, type MeanWorkspace } from "../../kernels/wasm.ts";
import type { FloatDtype } from "../../tensor/dtype.ts";
import type { NonFiniteElements } from "../results.ts";
import type { Runner } from "./runner.ts";

/** Looks for NaN and Inf in one operand: a kernel passes what is finite, the rest is counted element by element. */
export function finiteRunner(workspace: MeanWorkspace, dtype: FloatDtype): Runner {
	let found: { -readonly [Key in keyof NonFiniteElements]: NonFiniteElements[Key] } | undefined;
	let offset = 0;
	const count = (first: number, length: number) => {
		workspace.decode(dtype, 0, first, length).forEach((value, index) => {
			if (Number.isFinite(value)) return;
			const at = offset + first + index;
			found ??= { kind: "finite", nan: 0, infinite: 0, first: at, last: at };
			found[Number.isNaN(value) ? "nan" : "infinite"]++;
			found.last = at;
		});
	};
	return {
		sources: workspace.sources.slice(0, 1),
		output: undefined,
		chunk(elements) {
			if (!workspace.seemsFinite(dtype, 0, elements)) {
				for (let first = 0; first < elements; first += BLOCK_ELEMENTS) {
					count(first, Math.min(BLOCK_ELEMENTS, elements - first));
				}
			}
			offset += elements;
		},
		end() {
			const result = found;
			found = undefined;
			offset = 0;
			return result;
		},
	};
}
