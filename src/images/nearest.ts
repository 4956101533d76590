import type { Span } from "./coefficients.ts";
import type { Raster, Scaling } from "./resample.ts";

/** Scales by taking the pixel whose area holds the centre of the new one, as Pillow does for modes `P` and `1`. */
export function nearest(raster: Raster, { width, height, columns, rows }: Scaling): Raster {
	const { channels, data } = raster;
	const fromColumns = nearestPositions(raster.width, width, columns);
	const fromRows = nearestPositions(raster.height, height, rows);
	const out = new Uint8Array(rows.size * columns.size * channels);
	let at = 0;
	for (const row of fromRows)
		for (const column of fromColumns) {
			const from = (row * raster.width + column) * channels;
			for (let channel = 0; channel < channels; channel++) out[at++] = data[from + channel] ?? 0;
		}
	return { width: columns.size, height: rows.size, channels, data: out };
}

/** Pillow adds the step up in float64 instead of multiplying, which now and then gives the neighbour. */
function nearestPositions(from: number, to: number, span: Span): Int32Array {
	const step = from / to;
	const positions = new Int32Array(span.size);
	let centre = step * 0.5;
	for (let position = 0; position < span.start + span.size; position++) {
		if (position >= span.start) positions[position - span.start] = Math.min(from - 1, Math.trunc(centre));
		centre += step;
	}
	return positions;
}
