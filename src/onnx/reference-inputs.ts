import type { Rgb } from "../layouts/preprocess.ts";

/** Longest body of a reference text: 77 places but for the start and end ids. */
const CONTEXT_LENGTH = 77;

/**
 * The images of `numerics-v1`, made of integers so that every language makes the same: `[count, 3, size, size]`.
 *
 * Pixel (c, y, x) of image k is `(x·(3+c) + y·(5+2c) + 7k·(x xor y)) mod 256`, scaled to 0 … 1, less `mean`, over `std`,
 * in float64, rounded once to float32.
 */
export function referenceImages(
	count: number,
	{ size, mean, std }: { readonly size: number; readonly mean: Rgb; readonly std: Rgb },
): Float32Array {
	const pixels = new Float32Array(count * 3 * size * size);
	let at = 0;
	for (let k = 0; k < count; k++) {
		for (const [c, channelMean] of mean.entries()) {
			const channelStd = std[c] ?? Number.NaN;
			for (let y = 0; y < size; y++) {
				for (let x = 0; x < size; x++) {
					const level = (x * (3 + c) + y * (5 + 2 * c) + 7 * k * (x ^ y)) % 256;
					pixels[at++] = (level / 255 - channelMean) / channelStd;
				}
			}
		}
	}
	return pixels;
}

/**
 * The token rows of `numerics-v1`: `[count, contextLength]`.
 *
 * Row r has `min(3 + 4r, 75)` body ids, the last row 75; body id i is `1 + (17i + 31r) mod (V − 3)` of V ids. Around it
 * the start id V − 2 and the end id V − 1, then zeros.
 */
export function referenceTokens(
	count: number,
	{
		vocabularySize,
		contextLength = CONTEXT_LENGTH,
	}: { readonly vocabularySize: number; readonly contextLength?: number },
): BigInt64Array<ArrayBuffer> {
	const longest = contextLength - 2;
	const ids = new BigInt64Array(count * contextLength);
	for (let row = 0; row < count; row++) {
		const length = row === count - 1 ? longest : Math.min(3 + 4 * row, longest);
		const body = Array.from({ length }, (_, i) => 1 + ((17 * i + 31 * row) % (vocabularySize - 3)));
		ids.set([vocabularySize - 2, ...body, vocabularySize - 1].map(BigInt), row * contextLength);
	}
	return ids;
}
