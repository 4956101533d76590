import { BLOCK_ELEMENTS, type MeanWorkspace } from "../../kernels/wasm.ts";
import type { FloatDtype } from "../../tensor/dtype.ts";
import type { TensorStatistics } from "../results.ts";
import type { Runner } from "./runner.ts";

/** Statistics of one operand, block by block in float64. */
export function scanRunner(workspace: MeanWorkspace, dtype: FloatDtype): Runner {
	let total = new Moments();
	return {
		sources: workspace.sources.slice(0, 1),
		output: undefined,
		chunk(count) {
			for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
				total.addBlock(workspace.decode(dtype, 0, first, Math.min(BLOCK_ELEMENTS, count - first)));
			}
		},
		end() {
			const result = total.statistics();
			total = new Moments();
			return result;
		},
	};
}

/**
 * Running counts, extremes and moments.
 *
 * The variance is taken within each block around the block's own mean, and blocks are combined by the pairwise
 * update of Chan, Golub and LeVeque (1979), which does not cancel where the mean is large against the spread.
 */
class Moments {
	#nan = 0;
	#infinite = 0;
	#nonFiniteRange: readonly [first: number, last: number] | undefined;
	#zeros = 0;
	#count = 0;
	#min = Number.POSITIVE_INFINITY;
	#max = Number.NEGATIVE_INFINITY;
	#mean = 0;
	#squaredDeviations = 0;
	#squares = 0;

	addBlock(values: Float64Array): void {
		const seen = this.#count + this.#nan + this.#infinite;
		let sum = 0;
		let squares = 0;
		let finite = 0;
		let zeros = 0;
		let min = this.#min;
		let max = this.#max;
		for (const value of values) {
			if (!Number.isFinite(value)) {
				if (Number.isNaN(value)) this.#nan++;
				else this.#infinite++;
				continue;
			}
			finite++;
			sum += value;
			squares += value * value;
			if (value === 0) zeros++;
			if (value < min) min = value;
			if (value > max) max = value;
		}
		if (finite < values.length) this.#noteNonFinite(values, seen);
		if (finite === 0) return;
		const mean = sum / finite;
		let squaredDeviations = 0;
		for (const value of values) {
			if (Number.isFinite(value)) squaredDeviations += (value - mean) * (value - mean);
		}
		this.#min = min;
		this.#max = max;
		this.#zeros += zeros;
		this.#squares += squares;
		this.#combine(finite, mean, squaredDeviations);
	}

	/** Looks a second time at a block in which there is something, so that the first look has no index to keep. */
	#noteNonFinite(values: Float64Array, seen: number): void {
		const isNonFinite = (value: number) => !Number.isFinite(value);
		const [first] = this.#nonFiniteRange ?? [seen + values.findIndex(isNonFinite)];
		this.#nonFiniteRange = [first, seen + values.findLastIndex(isNonFinite)];
	}

	#combine(count: number, mean: number, squaredDeviations: number): void {
		const total = this.#count + count;
		const delta = mean - this.#mean;
		this.#squaredDeviations += squaredDeviations + delta * delta * ((this.#count * count) / total);
		this.#mean += delta * (count / total);
		this.#count = total;
	}

	statistics(): TensorStatistics {
		const isEmpty = this.#count === 0;
		return {
			kind: "scan",
			elements: this.#count + this.#nan + this.#infinite,
			nan: this.#nan,
			infinite: this.#infinite,
			nonFiniteRange: this.#nonFiniteRange,
			zeros: this.#zeros,
			min: isEmpty ? 0 : this.#min,
			max: isEmpty ? 0 : this.#max,
			mean: this.#mean,
			std: isEmpty ? 0 : Math.sqrt(this.#squaredDeviations / this.#count),
			l2: Math.sqrt(this.#squares),
		};
	}
}
