import type { Preprocess } from "../layouts/preprocess.ts";
import { premultiply, unpremultiply } from "./alpha.ts";
import { nearest } from "./nearest.ts";
import { CHANNELS, type Picture } from "./picture.ts";
import { type Raster, resample, type Scaling } from "./resample.ts";

/**
 * The wanted part of a picture scaled to `scaling.width` × `scaling.height`, to the byte what `resize(…).crop(…)` of
 * Pillow up to 12.1 gives. Pillow 12.2 scales the columns first if a picture is over 100 times as high as wide, Pillow 13
 * wherever that is faster (python-pillow/Pillow#9524, #9549), which changes some bytes of tall pictures a little.
 *
 * Modes `P` and `1` take the nearest pixel whatever `interpolation` is. `RGBA` is scaled premultiplied, unless it has
 * that size already.
 */
export function resizePicture(picture: Picture, scaling: Scaling, interpolation: Preprocess["interpolation"]): Picture {
	const { width, height, data } = scaled(picture, scaling, interpolation);
	return { ...picture, width, height, data };
}

function scaled(
	{ mode, width, height, data }: Picture,
	scaling: Scaling,
	interpolation: Preprocess["interpolation"],
): Raster {
	const raster = { width, height, channels: CHANNELS[mode], data };
	const keepsSize = width === scaling.width && height === scaling.height;
	if (keepsSize || mode === "P" || mode === "1") return nearest(raster, scaling);
	if (mode !== "RGBA") return resample(raster, scaling, interpolation);
	const result = resample({ ...raster, data: premultiply(raster.data) }, scaling, interpolation);
	return { ...result, data: unpremultiply(result.data) };
}
