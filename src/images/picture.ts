import { ClipSoupError } from "../errors.ts";

/**
 * A decoded picture as Pillow would hold it, because how open_clip resizes and converts it depends on Pillow's mode.
 *
 * `L` is grey, `1` black and white, `P` a palette. Grey with alpha is held as `RGBA`, for which Pillow's arithmetic is the
 * same in every channel.
 */
export interface Picture {
	/** The file it comes from, for messages. */
	readonly path: string;
	readonly mode: PictureMode;
	readonly width: number;
	readonly height: number;
	/** `[height, width, CHANNELS[mode]]`, row-major. Of `P` the colours looked up, of `1` either 0 or 255. */
	readonly data: Uint8Array;
	/** Red, green, blue of each colour of a `P` picture, in the file's order. */
	readonly palette?: Uint8Array | undefined;
}

export type PictureMode = "1" | "L" | "P" | "RGB" | "RGBA" | "CMYK";

/** Samples of a pixel. */
export const CHANNELS = { "1": 1, L: 1, P: 3, RGB: 3, RGBA: 4, CMYK: 4 } as const satisfies Record<PictureMode, number>;

/** Above it Pillow, too, takes a picture for an attack: twice its `MAX_IMAGE_PIXELS`, 1 GiB / 4 / 3. */
export const MOST_PIXELS = 178_956_970;

/** What a JPEG has room for. It bounds the weights of a scaling, about 16 bytes per position of a side. */
export const MOST_SIDE = 65_535;

/** An error about a picture that is no picture, damaged, too large, or of a kind that is not read. */
export function pictureError(
	path: string,
	{ found, expected, fix, cause }: Record<"found" | "expected" | "fix", string> & { readonly cause?: unknown },
): ClipSoupError {
	return new ClipSoupError("ERR_IMAGE_INVALID", `Cannot read "${path}": found ${found}, expected ${expected}`, {
		fix,
		details: { path },
		...(cause !== undefined && { cause }),
	});
}
