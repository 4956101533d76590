import { multiplyBytes } from "./alpha.ts";
import { CHANNELS, type Picture, type PictureMode } from "./picture.ts";

type Colour = readonly [red: number, green: number, blue: number];

/** The samples of one pixel, at `at` of a picture's data, as red, green and blue; Pillow's `convert("RGB")`. */
type Reader = (data: Uint8Array, at: number) => Colour;

const grey: Reader = (data, at) => [data[at] ?? 0, data[at] ?? 0, data[at] ?? 0];
/** Alpha is dropped, not blended with a background. */
const rgb: Reader = (data, at) => [data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0];
const cmyk: Reader = (data, at) => {
	const light = 255 - (data[at + 3] ?? 0);
	const without = (ink: number | undefined): number => light - multiplyBytes(ink ?? 0, light);
	return [without(data[at]), without(data[at + 1]), without(data[at + 2])];
};

const READERS: Readonly<Record<PictureMode, Reader>> = { "1": grey, L: grey, P: rgb, RGB: rgb, RGBA: rgb, CMYK: cmyk };

/** The colour of every pixel, `[3, height, width]`. */
export function planesOf({ mode, width, height, data }: Picture): Uint8Array {
	const read = READERS[mode];
	const pixels = width * height;
	const planes = new Uint8Array(3 * pixels);
	for (let pixel = 0; pixel < pixels; pixel++) {
		const [red, green, blue] = read(data, pixel * CHANNELS[mode]);
		planes[pixel] = red;
		planes[pixels + pixel] = green;
		planes[2 * pixels + pixel] = blue;
	}
	return planes;
}

/**
 * The colour that a border filled with `value` ends up with, which depends on the mode: an index into the palette of `P`,
 * black where beyond it; black or white of `1`; so much of each ink of `CMYK`.
 */
export function fillOf({ mode, palette }: Picture, value: number): Colour {
	if (mode === "P") return rgb(palette ?? new Uint8Array(0), value * CHANNELS.P);
	if (mode === "1") return value === 0 ? [0, 0, 0] : [255, 255, 255];
	return READERS[mode](Uint8Array.of(value, value, value, value), 0);
}
