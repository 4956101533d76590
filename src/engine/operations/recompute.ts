import type { MeanProblem } from "../../kernels/mean-problem.ts";
import type { MeanWorkspace } from "../../kernels/wasm.ts";
import { floatByteLength } from "../../tensor/dtype.ts";
import { decodeFloat } from "../../tensor/float-bits.ts";
import type { MeanDeviation } from "../results.ts";
import { compareBits } from "./bits.ts";
import type { Runner } from "./runner.ts";

type Deviation = { -readonly [K in keyof MeanDeviation]: MeanDeviation[K] };

/** Averages all operands but the last one, by the kernels of `mean`, and compares the last one with the result. */
export function recomputeRunner(workspace: MeanWorkspace, problem: MeanProblem): Runner {
	const sources = workspace.sources.slice(0, problem.inputs.length + 1);
	const stored = sources.at(-1) ?? new Uint8Array();
	const mean = workspace.destination;
	const elementByteLength = floatByteLength(problem.output);
	const bits = compareBits(problem.output, mean, stored);
	const [valuesOfMean, valuesStored] = [viewOf(mean), viewOf(stored)];
	let deviation: Deviation | undefined;

	const compareElements = (count: number, first: number) => {
		for (let index = 0; index < count; index++) {
			if (bits.isSame(index)) continue;
			const expected = decodeFloat(problem.output, valuesOfMean, index);
			const found = decodeFloat(problem.output, valuesStored, index);
			deviation ??= noDeviation(first + index, expected, found);
			deviation.differing++;
			deviation.last = first + index;
			if (Number.isFinite(expected) && Number.isFinite(found)) {
				deviation.maxUlp = Math.max(deviation.maxUlp, bits.ulp(index));
			} else deviation.nonFinite++;
		}
	};
	return {
		sources,
		output: undefined,
		chunk(count, first) {
			workspace.run(problem, count);
			const byteLength = count * elementByteLength;
			if (Buffer.compare(mean.subarray(0, byteLength), stored.subarray(0, byteLength)) !== 0) {
				compareElements(count, first);
			}
		},
		end() {
			const result = deviation;
			deviation = undefined;
			return result;
		},
	};
}

function noDeviation(first: number, expected: number, found: number): Deviation {
	return { kind: "recompute", differing: 0, nonFinite: 0, first, last: first, expected, found, maxUlp: 0 };
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
	return new DataView(buffer, byteOffset, byteLength);
}
