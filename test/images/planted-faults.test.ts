import { describe, expect, it } from "vitest";
import { cropPicture } from "../../src/images/crop.ts";
import { decodePicture } from "../../src/images/decode.ts";
import type { Picture } from "../../src/images/picture.ts";
import { pixelsOf } from "../../src/images/pixels.ts";
import type { Scaling } from "../../src/images/resample.ts";
import { resizePicture } from "../../src/images/resize.ts";
import { planesOf } from "../../src/images/rgb.ts";
import { OPENCLIP_PREPROCESS, type Preprocess } from "../../src/layouts/preprocess.ts";
import { FOLDER, largestDifference, readBytes, readCrop } from "./golden.ts";

/** A way to crop that looks right. Its largest difference from open_clip must be more than any tolerance here. */
interface Fault {
	readonly name: string;
	readonly from: "reference" | "cases";
	readonly key: string;
	readonly crop: (picture: Picture, preprocess: Preprocess) => Uint8Array;
}

const MOST_TOLERATED = 2;

// biome-ignore format: a table
const FAULTS: readonly Fault[] = [
	{ name: "a crop one pixel off", from: "reference", key: "china.png|64|shortest", crop: cropAt({ width: 96, left: 17 }) },
	{ name: "a crop at floor instead of half to even", from: "cases", key: "gamma.png|16|shortest|bicubic|0", crop: cropAt({ width: 23, left: 3 }) },
	{ name: "a crop of the left side", from: "reference", key: "china.png|64|shortest", crop: cropAt({ width: 96, left: 0 }) },
	{ name: "a long side one pixel too long", from: "reference", key: "china.png|64|shortest", crop: cropAt({ width: 97, left: 16 }) },
	{ name: "blue, green, red", from: "reference", key: "china.png|64|squash", crop: (picture, preprocess) => reversed(cropPicture(picture, preprocess)) },
	{ name: "bilinear for bicubic", from: "reference", key: "china.png|64|squash", crop: with_({ interpolation: "bilinear" }) },
	{ name: "bicubic for bilinear", from: "cases", key: "gamma.png|15|squash|bilinear|0", crop: with_({ interpolation: "bicubic" }) },
	{ name: "squash for shortest", from: "reference", key: "china.png|64|shortest", crop: with_({ resizeMode: "squash" }) },
	{ name: "shortest for squash", from: "reference", key: "china.png|64|squash", crop: with_({ resizeMode: "shortest" }) },
	{ name: "another fill colour", from: "cases", key: "gamma.png|17|longest|bicubic|100", crop: with_({ fillColor: 0 }) },
	{ name: "the fill colour for the palette's colour", from: "cases", key: "palette.png|17|longest|bicubic|100", crop: (picture, preprocess) => cropPicture({ ...picture, palette: new Uint8Array(768).fill(100) }, preprocess) },
	{ name: "RGB before a palette is resized", from: "reference", key: "img03-p.png|64|squash", crop: as("RGB") },
	{ name: "grey before black and white is resized", from: "cases", key: "1-bit-grey.png|15|squash|bilinear|0", crop: as("L") },
	{ name: "RGB before alpha is resized", from: "cases", key: "rgba.png|16|shortest|bicubic|0", crop: (picture, preprocess) => cropPicture({ ...picture, mode: "RGB", data: opaque(picture.data) }, preprocess) },
	{ name: "ink for light", from: "cases", key: "cmyk.jpg|15|squash|bilinear|0", crop: (picture, preprocess) => cropPicture({ ...picture, data: picture.data.map((ink) => 255 - ink) }, preprocess) },
	{ name: "turned by EXIF", from: "cases", key: "exif-rotated.jpg|16|shortest|bicubic|0", crop: (picture, preprocess) => cropPicture(turned(picture), preprocess) },
];

describe("a crop that differs", () => {
	it.each(FAULTS)("by $name is seen", async ({ from, key, crop }) => {
		const { file, preprocess, expected } = await readCrop(from, key);
		const picture = await decodePicture(`${FOLDER}/${from === "cases" ? "cases/" : ""}${file}`);
		expect(largestDifference(crop(picture, preprocess), expected)).toBeGreaterThan(MOST_TOLERATED);
	});

	it("by columns that are scaled before rows is seen in a picture without loss", async () => {
		const { file, preprocess, expected } = await readCrop("reference", "img00-rgb.png|64|squash");
		const picture = await decodePicture(`${FOLDER}/${file}`);
		const narrow = resizePicture(picture, whole(picture.width, 64), "bicubic");
		expect(largestDifference(cropPicture(narrow, preprocess), expected)).toBeGreaterThan(0);
	});
});

describe("pixels that differ", () => {
	const everyByte = Uint8Array.from({ length: 3 * 256 }, (_, index) => index % 256);
	const { mean, std } = OPENCLIP_PREPROCESS;

	it.each([
		["mean and deviation swapped", pixelsOf(everyByte, { mean: std, std: mean })],
		["another mean", pixelsOf(everyByte, { mean: [0.485, 0.456, 0.406], std })],
		["float64 arithmetic", inFloat64(everyByte)],
		["division by 256", pixelsOf(everyByte, { mean, std }).map((value) => (value * 255) / 256)],
	])("by %s are seen", async (_, pixels) => {
		const expected = (await readBytes("pixels")).get("clip");
		expect(new Uint8Array(pixels.buffer)).not.toEqual(expected);
	});

	function inFloat64(crop: Uint8Array): Float32Array {
		return Float32Array.from(crop, (byte, index) => {
			const channel = Math.floor(index / 256);
			return (byte / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
		});
	}
});

function cropAt({ width, left }: { readonly width: number; readonly left: number }): Fault["crop"] {
	return (picture, { size, interpolation }) => {
		const columns = { start: left, size };
		return planesOf(resizePicture(picture, { ...whole(width, size), columns }, interpolation));
	};
}

function whole(width: number, height: number): Scaling {
	return { width, height, columns: { start: 0, size: width }, rows: { start: 0, size: height } };
}

function with_(change: Partial<Preprocess>): Fault["crop"] {
	return (picture, preprocess) => cropPicture(picture, { ...preprocess, ...change });
}

function as(mode: Picture["mode"]): Fault["crop"] {
	return (picture, preprocess) => cropPicture({ ...picture, mode }, preprocess);
}

function reversed(planes: Uint8Array): Uint8Array {
	const length = planes.length / 3;
	return Uint8Array.from(
		planes,
		(_, index) => planes[(2 - Math.floor(index / length)) * length + (index % length)] ?? 0,
	);
}

function opaque(rgba: Uint8Array): Uint8Array {
	return rgba.filter((_, index) => index % 4 !== 3);
}

/** A quarter turn clockwise, which EXIF orientation 6 asks for. */
function turned({ width, height, data, ...rest }: Picture): Picture {
	const out = new Uint8Array(data.length);
	for (let index = 0; index < data.length; index++) {
		const [row, column, channel] = [Math.floor(index / 3 / width), Math.floor(index / 3) % width, index % 3];
		out[(column * height + height - 1 - row) * 3 + channel] = data[index] ?? 0;
	}
	return { ...rest, width: height, height: width, data: out };
}
