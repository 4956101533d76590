import type { Statistics } from "./census-pass.ts";

/** What is told of a canonical tensor's values; all but the counts are over its finite elements. */
export interface ValueStatistics {
	readonly elements: number;
	readonly nonFinite: number;
	readonly zeros: number;
	readonly min: number;
	readonly max: number;
	readonly mean: number;
	/** Root of the mean of the squares. */
	readonly rms: number;
}

/** Statistics of the tensor that parts make up. Without a finite element, `min`, `max`, `mean` and `rms` are 0. */
export function joinStatistics(parts: readonly Statistics[]): ValueStatistics {
	const counted = parts.map((part) => ({ ...part, finite: part.elements - part.nan - part.infinite }));
	const filled = counted.filter(({ finite }) => finite > 0);
	const finite = sum(counted, (part) => part.finite);
	const average = (total: number) => (finite === 0 ? 0 : total / finite);
	return {
		elements: sum(counted, ({ elements }) => elements),
		nonFinite: sum(counted, ({ nan, infinite }) => nan + infinite),
		zeros: sum(counted, ({ zeros }) => zeros),
		min: filled.length === 0 ? 0 : Math.min(...filled.map(({ min }) => min)),
		max: filled.length === 0 ? 0 : Math.max(...filled.map(({ max }) => max)),
		mean: average(sum(filled, (part) => part.mean * part.finite)),
		rms: Math.sqrt(average(sum(filled, ({ l2 }) => l2 * l2))),
	};
}

function sum<Part>(parts: readonly Part[], countOf: (part: Part) => number): number {
	return parts.reduce((total, part) => total + countOf(part), 0);
}
