import type { Watch } from "../progress.ts";
import { alignSoup } from "./soup-alignment.ts";
import { recompute } from "./soup-recompute.ts";
import { isFloatTensor, readSample } from "./soup-sample.ts";
import type { StreamOptions } from "./soup-stream.ts";
import type { Subject } from "./subject.ts";

/** How two ingredients lie to each other, on a sample of their largest tensors. */
export interface Kinship {
	/** Numbers from 1. */
	readonly pair: readonly [number, number];
	readonly cosine: number;
	/** ‖a − b‖ / ‖a‖. */
	readonly distance: number;
	readonly elements: number;
	/** Whether all elements of all tensors are equal, which is asked if the sample is. */
	readonly areEqual: boolean;
}

/** Tensors that are sampled, of which the largest are matrices of weights, and elements of each. */
const SAMPLED_TENSORS = 48;
const SAMPLED_ELEMENTS = 8192;

/** Compares every ingredient with every other one. Time grows with the square of their number, on the sample only. */
export async function kinships(
	ingredients: readonly Subject[],
	options: StreamOptions,
	watch: Watch,
): Promise<readonly Kinship[]> {
	const found: Kinship[] = [];
	const [first, ...others] = ingredients;
	if (first === undefined || others.length === 0) return found;
	const { tensors, sources } = alignSoup(first, others);
	const largest = tensors.filter(isFloatTensor).toSorted((a, b) => b.elementCount - a.elementCount);
	const read = largest
		.slice(0, SAMPLED_TENSORS)
		.map((tensor) => readSample(sources, tensor, Math.floor(tensor.elementCount / 2), SAMPLED_ELEMENTS));
	const samples = (await Promise.all(read)).filter((sample) => sample !== undefined);
	const vectors = ingredients.map((_, number) =>
		samples.map(({ stored, inputs }) => (number === 0 ? stored : inputs[number - 1]) ?? stored),
	);
	for (const [b, ofB] of vectors.entries()) {
		for (const [a, ofA] of vectors.slice(0, b).entries()) {
			const measured = measure(ofA, ofB);
			const pair = [ingredients[a], ingredients[b]].filter((one) => one !== undefined);
			const areEqual = measured.distance === 0 && (await haveEqualTensors(pair, options, watch));
			found.push({ pair: [a + 1, b + 1], ...measured, areEqual });
		}
	}
	return found;
}

function measure(ofA: readonly Float64Array[], ofB: readonly Float64Array[]) {
	let [aa, bb, ab, dd, elements] = [0, 0, 0, 0, 0];
	for (const [index, a] of ofA.entries()) {
		const b = ofB[index] ?? a;
		for (let i = 0; i < a.length; i++) {
			const [x, y] = [a[i] ?? 0, b[i] ?? 0];
			if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
			aa += x * x;
			bb += y * y;
			ab += x * y;
			dd += (x - y) ** 2;
			elements++;
		}
	}
	const norms = Math.sqrt(aa) * Math.sqrt(bb);
	const cosine = dd === 0 ? 1 : norms === 0 ? 0 : ab / norms;
	return { cosine, distance: dd === 0 ? 0 : Math.sqrt(dd / aa), elements };
}

/** A soup of the one is the other, bit for bit. */
async function haveEqualTensors(pair: readonly Subject[], options: StreamOptions, watch: Watch): Promise<boolean> {
	const [first, second] = pair;
	if (first === undefined || second === undefined) return false;
	const alignment = alignSoup(first, [second]);
	if (alignment.findings.length > 0) return false;
	const { deviations, unequal } = await recompute(alignment, { weights: undefined, divisor: 1 }, pair, options, watch);
	return deviations.size === 0 && unequal.size === 0;
}
