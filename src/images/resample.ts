import type { Preprocess } from "../layouts/preprocess.ts";
import { type Coefficients, PRECISION_BITS, type Span, scalingCoefficients } from "./coefficients.ts";

/** Samples of a rectangle, `[height, width, channels]`, row-major. */
export interface Raster {
	readonly width: number;
	readonly height: number;
	readonly channels: number;
	readonly data: Uint8Array;
}

/** The size a raster is scaled to, and the part of it that is wanted. */
export interface Scaling {
	readonly width: number;
	readonly height: number;
	readonly columns: Span;
	readonly rows: Span;
}

/** Half of a unit of the result, so that the shift rounds half up. */
const HALF = 1 << (PRECISION_BITS - 1);

/**
 * Scales as Pillow does, to the bit: first along the rows, rounded to bytes, then along the columns, with integer weights.
 * Only the wanted part is computed.
 */
export function resample(raster: Raster, scaling: Scaling, interpolation: Preprocess["interpolation"]): Raster {
	const { width, height, columns, rows } = scaling;
	const vertical = scalingCoefficients(raster.height, height, interpolation, rows);
	const needed = inputSpan(vertical);
	const horizontal = scalingCoefficients(raster.width, width, interpolation, columns);
	return scaleColumns(scaleRows(raster, horizontal, needed), vertical, needed.start);
}

/** The input positions that any output position reads. */
function inputSpan({ starts, counts }: Coefficients): Span {
	const start = starts[0] ?? 0;
	const last = starts.length - 1;
	return { start, size: (starts[last] ?? 0) + (counts[last] ?? 0) - start };
}

/** `[height, width, channels]` → `[rows.size, positions, channels]`. */
function scaleRows({ width, channels, data }: Raster, coefficients: Coefficients, rows: Span): Raster {
	const { starts, counts, weights, taps } = coefficients;
	const outWidth = starts.length;
	const out = new Uint8Array(rows.size * outWidth * channels);
	let at = 0;
	for (let row = 0; row < rows.size; row++) {
		const rowAt = (rows.start + row) * width * channels;
		for (let column = 0; column < outWidth; column++) {
			const first = rowAt + (starts[column] ?? 0) * channels;
			const count = counts[column] ?? 0;
			for (let channel = 0; channel < channels; channel++) {
				let sum = HALF;
				for (let tap = 0, from = first + channel; tap < count; tap++, from += channels)
					sum += (data[from] ?? 0) * (weights[column * taps + tap] ?? 0);
				out[at++] = toByte(sum);
			}
		}
	}
	return { width: outWidth, height: rows.size, channels, data: out };
}

/** `[height, width, channels]` → `[positions, width, channels]`; row 0 of the input is position `firstRow`. */
function scaleColumns({ width, channels, data }: Raster, coefficients: Coefficients, firstRow: number): Raster {
	const { starts, counts, weights, taps } = coefficients;
	const outHeight = starts.length;
	const rowLength = width * channels;
	const out = new Uint8Array(outHeight * rowLength);
	const sums = new Int32Array(rowLength);
	for (let row = 0; row < outHeight; row++) {
		sums.fill(HALF);
		const count = counts[row] ?? 0;
		for (let tap = 0; tap < count; tap++) {
			const weight = weights[row * taps + tap] ?? 0;
			const from = ((starts[row] ?? 0) - firstRow + tap) * rowLength;
			for (let index = 0; index < rowLength; index++)
				sums[index] = (sums[index] ?? 0) + (data[from + index] ?? 0) * weight;
		}
		for (let index = 0; index < rowLength; index++) out[row * rowLength + index] = toByte(sums[index] ?? 0);
	}
	return { width, height: outHeight, channels, data: out };
}

function toByte(sum: number): number {
	const value = sum >> PRECISION_BITS;
	return value < 0 ? 0 : value > 255 ? 255 : value;
}
