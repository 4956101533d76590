import { describe, expect, it, test } from "vitest";
import { cropPicture } from "../../src/images/crop.ts";
import { decodePicture } from "../../src/images/decode.ts";
import { loadPixels, pixelsOf } from "../../src/images/pixels.ts";
import { OPENCLIP_PREPROCESS, type Rgb } from "../../src/layouts/preprocess.ts";
import { FOLDER, readBytes } from "./golden.ts";

const NORMALISATIONS: readonly (readonly [name: string, mean: Rgb, std: Rgb])[] = [
	["clip", OPENCLIP_PREPROCESS.mean, OPENCLIP_PREPROCESS.std],
	["half", [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]],
	["imagenet", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]],
];

describe("pixelsOf", async () => {
	const golden = await readBytes("pixels");

	test.each(NORMALISATIONS)("gives torch's bits for every byte with the numbers of %s", (name, mean, std) => {
		const everyByte = Uint8Array.from({ length: 3 * 256 }, (_, index) => index % 256);
		expect(new Uint8Array(pixelsOf(everyByte, { mean, std }).buffer)).toEqual(golden.get(name));
	});
});

describe("loadPixels", () => {
	const preprocess = { ...OPENCLIP_PREPROCESS, size: 8 };
	const paths = ["china.png", "cases/palette.png", "flower.png"].map((file) => `${FOLDER}/${file}`);

	it("lays pictures one after the other, in their order", async () => {
		const pixels = await loadPixels(paths, preprocess);
		const each = await Promise.all(
			paths.map(async (path) => pixelsOf(cropPicture(await decodePicture(path), preprocess), preprocess)),
		);
		expect([...pixels]).toEqual(each.flatMap((one) => [...one]));
	});

	it("gives no pixels of no pictures", async () => {
		expect(await loadPixels([], preprocess)).toEqual(new Float32Array(0));
	});

	it("names the picture that cannot be read", async () => {
		const path = `${FOLDER}/cases/picture.gif`;
		await expect(loadPixels([...paths, path], preprocess)).rejects.toMatchObject({
			code: "ERR_IMAGE_INVALID",
			details: { path },
		});
	});
});
