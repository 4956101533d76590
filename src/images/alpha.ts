import { CHANNELS } from "./picture.ts";

/** `a · b / 255`, rounded to the nearest, for bytes. Exact: checked against Pillow for all pairs. */
export function multiplyBytes(a: number, b: number): number {
	const product = a * b + 128;
	return (product + (product >> 8)) >> 8;
}

/** Colours times alpha, Pillow's `RGBA` → `RGBa`: what lies under full transparency must not bleed when resized. */
export function premultiply(rgba: Uint8Array): Uint8Array {
	const out = new Uint8Array(rgba.length);
	for (let pixel = 0; pixel < rgba.length; pixel += CHANNELS.RGBA) {
		const alpha = rgba[pixel + 3] ?? 0;
		for (let channel = 0; channel < 3; channel++)
			out[pixel + channel] = multiplyBytes(rgba[pixel + channel] ?? 0, alpha);
		out[pixel + 3] = alpha;
	}
	return out;
}

/** Colours divided by alpha, rounded down, Pillow's `RGBa` → `RGBA`. Where alpha is 0 or 255 they stay. */
export function unpremultiply(rgba: Uint8Array): Uint8Array {
	const out = Uint8Array.from(rgba);
	for (let pixel = 0; pixel < out.length; pixel += CHANNELS.RGBA) {
		const alpha = out[pixel + 3] ?? 0;
		if (alpha === 0 || alpha === 255) continue;
		for (let channel = 0; channel < 3; channel++)
			out[pixel + channel] = Math.min(255, Math.trunc((255 * (out[pixel + channel] ?? 0)) / alpha));
	}
	return out;
}
