import type { Census } from "./census.ts";
import type { FiniteReport, NonFiniteTensor } from "./finite-pass.ts";

/** What `findNonFinite` would tell, from a census that has read the same bytes. */
export function finiteReport({ tensors }: Pick<Census, "tensors">): FiniteReport {
	const floats = tensors.flatMap(({ name, statistics }) => (statistics ? [{ name, ...statistics }] : []));
	return {
		tensors: floats.length,
		elements: floats.reduce((sum, { elements }) => sum + elements, 0),
		nonFinite: floats.flatMap(({ name, nan, infinite, nonFiniteRange }): NonFiniteTensor[] => {
			if (nonFiniteRange === undefined) return [];
			const [first, last] = nonFiniteRange;
			return [{ name, nan, infinite, first, last }];
		}),
	};
}
