import type { MeanWorkspace } from "../../kernels/wasm.ts";
import type { Runner } from "./runner.ts";

/** Writes the first operand's bytes and notes which others are not equal to it. */
export function copyRunner(workspace: MeanWorkspace, operandCount: number, elementByteLength: number): Runner {
	const sources = workspace.sources.slice(0, operandCount);
	const [first, ...others] = sources;
	const unequal = new Set<number>();
	return {
		sources,
		output: first,
		chunk(count) {
			const byteLength = count * elementByteLength;
			const expected = first?.subarray(0, byteLength);
			others.forEach((other, index) => {
				if (expected && Buffer.compare(expected, other.subarray(0, byteLength)) !== 0) unequal.add(index + 1);
			});
		},
		end() {
			if (unequal.size === 0) return undefined;
			const finding = { kind: "copy", unequal: [...unequal].sort((a, b) => a - b) } as const;
			unequal.clear();
			return finding;
		},
	};
}

/** Reads one operand and does nothing with it: the engine's digests are the result. */
export function digestRunner(workspace: MeanWorkspace): Runner {
	return { sources: workspace.sources.slice(0, 1), output: undefined, chunk() {}, end: () => undefined };
}
