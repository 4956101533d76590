import type { ClipSoupError } from "../errors.ts";
import type { Preprocess } from "../layouts/preprocess.ts";
import type { Span } from "./coefficients.ts";
import { MOST_PIXELS, type Picture, pictureError } from "./picture.ts";
import { resizePicture } from "./resize.ts";
import { fillOf, planesOf } from "./rgb.ts";

/**
 * The square that an image tower sees of a picture, `[3, size, size]` bytes in the order red, green, blue.
 *
 * To the byte what open_clip's `image_transform` (is_train=False) holds before `ToTensor`: the picture is scaled in its
 * own mode, cropped or padded at the centre, and only then becomes RGB.
 * @throws {ClipSoupError} ERR_IMAGE_INVALID for a picture so thin that a side becomes 0, or that more than 178,956,970
 *   pixels come of it
 */
export function cropPicture(picture: Picture, preprocess: Preprocess): Uint8Array {
	const { size, interpolation, fillColor } = preprocess;
	const { width, height } = scaledSize(picture, preprocess);
	if (width < 1 || height < 1 || width * height > MOST_PIXELS) throw tooThin(picture, { width, height });
	const scaling = { width, height, columns: centre(width, size), rows: centre(height, size) };
	const part = resizePicture(picture, scaling, interpolation);
	const planes = planesOf(part);
	if (part.width === size && part.height === size) return planes;
	return pad(planes, part, { size, colour: fillOf(picture, fillColor) });
}

interface Size {
	readonly width: number;
	readonly height: number;
}

/**
 * What a picture is scaled to before it is cropped or padded.
 *
 * Source: torchvision 0.28 `_compute_resized_output_size`, and open_clip `ResizeKeepRatio`, src/open_clip/transform.py @
 * 89fb801f; the order of multiplication and division decides ties.
 */
function scaledSize({ width, height }: Size, { size, resizeMode }: Preprocess): Size {
	if (resizeMode === "squash") return { width: size, height: size };
	if (resizeMode === "longest") {
		const ratio = Math.max(height / size, width / size);
		return { width: roundHalfEven(width / ratio), height: roundHalfEven(height / ratio) };
	}
	const long = Math.trunc((size * Math.max(width, height)) / Math.min(width, height));
	return width <= height ? { width: size, height: long } : { width: long, height: size };
}

/** The middle `size` of `length` positions, or all of them. Ties go to the even start: Python's `round`. */
function centre(length: number, size: number): Span {
	return length <= size ? { start: 0, size: length } : { start: roundHalfEven((length - size) / 2), size };
}

function roundHalfEven(value: number): number {
	const below = Math.floor(value);
	const rest = value - below;
	if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
	return below % 2 === 0 ? below : below + 1;
}

/** `[3, height, width]` in the middle of `[3, size, size]`; of an odd border the smaller half is left and above. */
function pad(
	planes: Uint8Array,
	{ width, height }: Size,
	{ size, colour }: { readonly size: number; readonly colour: readonly number[] },
): Uint8Array {
	const left = Math.floor((size - width) / 2);
	const top = Math.floor((size - height) / 2);
	const out = new Uint8Array(3 * size * size);
	colour.forEach((value, channel) => {
		out.fill(value, channel * size * size, (channel + 1) * size * size);
		for (let row = 0; row < height; row++) {
			const from = (channel * height + row) * width;
			out.set(planes.subarray(from, from + width), (channel * size + top + row) * size + left);
		}
	});
	return out;
}

function tooThin(picture: Picture, { width, height }: Size): ClipSoupError {
	return pictureError(picture.path, {
		found: `${picture.width} × ${picture.height} pixels, of which scaling makes ${width} × ${height}`,
		expected: "sides that differ less",
		fix: "crop it",
	});
}
