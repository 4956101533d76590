import type { MeanProblem } from "../../kernels/mean-problem.ts";
import type { MeanWorkspace } from "../../kernels/wasm.ts";
import type { Runner } from "./runner.ts";

/** Averages by the kernels and adds up what their careful pass counted. */
export function meanRunner(workspace: MeanWorkspace, problem: MeanProblem): Runner {
	const none = () => problem.inputs.map(() => 0);
	let nonFinite = none();
	let overflow = 0;
	return {
		sources: workspace.sources.slice(0, problem.inputs.length),
		output: workspace.destination,
		chunk(count) {
			const report = workspace.run(problem, count);
			if (report === undefined) return;
			nonFinite = nonFinite.map((total, operand) => total + (report.nonFinite[operand] ?? 0));
			overflow += report.overflow;
		},
		end() {
			if (overflow === 0 && nonFinite.every((count) => count === 0)) return undefined;
			const finding = { kind: "mean", nonFinite, overflow } as const;
			nonFinite = none();
			overflow = 0;
			return finding;
		},
	};
}
