import type { Preprocess } from "../layouts/preprocess.ts";
import { cropPicture } from "./crop.ts";
import { decodePicture } from "./decode.ts";

/** Values of a byte. */
const BYTES = 256;

/**
 * What an image tower takes, of some pictures: float32 `[paths.length, 3, size, size]`, in the order of `paths`.
 *
 * @throws {ClipSoupError} as `decodePicture` and `cropPicture`
 */
export async function loadPixels(paths: readonly string[], preprocess: Preprocess): Promise<Float32Array> {
	const length = 3 * preprocess.size ** 2;
	const pixels = new Float32Array(paths.length * length);
	for (const [index, path] of paths.entries())
		pixels.set(pixelsOf(cropPicture(await decodePicture(path), preprocess), preprocess), index * length);
	return pixels;
}

/**
 * The bytes of a crop as float32, divided by 255, less the mean, over the standard deviation; `[3, size, size]` both.
 *
 * The same bits as torchvision's `ToTensor` and `Normalize`: every constant and every step is rounded to float32. A
 * float64 quotient or difference of float32 numbers rounds to what float32 arithmetic gives.
 */
export function pixelsOf(crop: Uint8Array, { mean, std }: Pick<Preprocess, "mean" | "std">): Float32Array {
	const pixels = new Float32Array(crop.length);
	const plane = crop.length / 3;
	for (const channel of [0, 1, 2] as const) {
		const values = normalised(Math.fround(mean[channel]), Math.fround(std[channel]));
		for (let index = channel * plane; index < (channel + 1) * plane; index++)
			pixels[index] = values[crop[index] ?? 0] ?? 0;
	}
	return pixels;
}

/** The float32 of each value of a byte. */
function normalised(mean: number, std: number): Float32Array {
	return Float32Array.from({ length: BYTES }, (_, byte) => {
		const difference = Math.fround(Math.fround(byte / 255) - mean);
		return Math.fround(difference / std);
	});
}
