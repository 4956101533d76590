import type { Preprocess } from "../layouts/preprocess.ts";

/** Part of one side of a scaled picture: `size` positions from `start`. */
export interface Span {
	readonly start: number;
	readonly size: number;
}

/** Which input positions make each output position of one side, and with what weights. */
export interface Coefficients {
	/** First input position, per output position. */
	readonly starts: Int32Array;
	/** Number of input positions, per output position. */
	readonly counts: Int32Array;
	/** `[positions, taps]`, in units of 2^-22. */
	readonly weights: Int32Array;
	/** Room per output position in `weights`. */
	readonly taps: number;
}

/** Of the 32 bits of a sum, 8 are the sample and 2 are room for the filter's overshoot. Pillow has the same. */
export const PRECISION_BITS = 32 - 8 - 2;

interface Filter {
	/** It is zero beyond. */
	readonly support: number;
	readonly at: (distance: number) => number;
}

const FILTERS: Readonly<Record<Preprocess["interpolation"], Filter>> = {
	bilinear: { support: 1, at: (distance) => Math.max(0, 1 - Math.abs(distance)) },
	bicubic: { support: 2, at: (distance) => cubic(Math.abs(distance)) },
};

/** Keys' cubic convolution with a = −0.5. Source: R. Keys, IEEE Trans. ASSP 29 (1981), p. 1153, eq. 15. */
function cubic(x: number): number {
	if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
	return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Weights that scale a side of `from` samples to `to`, for the positions of `span`.
 *
 * When a picture shrinks, the filter widens by the scale (antialiasing). The weights of a position are divided by their
 * sum in float64 and then rounded half away from zero, so that the result depends on the order of the operations as in
 * Pillow.
 */
export function scalingCoefficients(
	from: number,
	to: number,
	interpolation: Preprocess["interpolation"],
	span: Span,
): Coefficients {
	const { support, at } = FILTERS[interpolation];
	const scale = from / to;
	const widening = Math.max(1, scale);
	const reach = support * widening;
	const taps = Math.min(from, Math.ceil(reach) * 2 + 1);
	const starts = new Int32Array(span.size);
	const counts = new Int32Array(span.size);
	const weights = new Int32Array(span.size * taps);
	const exact = new Float64Array(taps);
	for (let index = 0; index < span.size; index++) {
		const centre = (span.start + index + 0.5) * scale;
		const first = Math.max(0, Math.trunc(centre - reach + 0.5));
		const count = Math.min(from, Math.trunc(centre + reach + 0.5)) - first;
		let sum = 0;
		for (let tap = 0; tap < count; tap++) {
			const weight = at((tap + first - centre + 0.5) * (1 / widening));
			exact[tap] = weight;
			sum += weight;
		}
		for (let tap = 0; tap < count; tap++) weights[index * taps + tap] = toFixedPoint((exact[tap] ?? 0) / sum);
		starts[index] = first;
		counts[index] = count;
	}
	return { starts, counts, weights, taps };
}

function toFixedPoint(weight: number): number {
	const scaled = weight * 2 ** PRECISION_BITS;
	return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}
