import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { cropPicture } from "../../src/images/crop.ts";
import { decodePicture } from "../../src/images/decode.ts";
import type { Picture } from "../../src/images/picture.ts";
import { OPENCLIP_PREPROCESS, type Preprocess } from "../../src/layouts/preprocess.ts";
import { FOLDER, largestDifference, parseKey, readCrops } from "./golden.ts";

/** What one more or less in a sample of a JPEG can make of a crop: bicubic weights add up to at most 1.33 per pass. */
const LOSSY_TOLERANCE = 2;

describe("cropPicture", async () => {
	const reference = await readCrops("reference");
	const digests: Record<string, string> = JSON.parse(await readFile(`${FOLDER}/reference.sha256.json`, "utf8"));
	const cases = await readCrops("cases");

	it("is tested with all that the fixtures hold", () => {
		expect([reference.length, Object.keys(digests).length, cases.length]).toEqual([16, 32, 160]);
	});

	test.each(reference)("makes the bytes of open_clip of $key", async ({ file, preprocess, expected }) => {
		expect(largestDifference(cropPicture(await decodePicture(`${FOLDER}/${file}`), preprocess), expected)).toBe(0);
	});

	test.each(Object.entries(digests))("makes bytes with open_clip's digest of %s", async (key, digest) => {
		const { file, preprocess } = parseKey(key);
		const crop = cropPicture(await decodePicture(`${FOLDER}/${file}`), preprocess);
		expect(createHash("sha256").update(crop).digest("hex")).toBe(digest);
	});

	test.each(cases)("makes the bytes of open_clip of $key", async ({ file, preprocess, expected }) => {
		const isLossy = file.endsWith(".jpg") || file === "lossy.webp";
		const crop = cropPicture(await decodePicture(`${FOLDER}/cases/${file}`), preprocess);
		expect(largestDifference(crop, expected)).toBeLessThanOrEqual(isLossy ? LOSSY_TOLERANCE : 0);
	});

	it("pads with the colour of the palette that the fill colour counts to, and with black beyond it", () => {
		const palette = Uint8Array.of(1, 2, 3, 4, 5, 6);
		const picture: Picture = { path: "p", mode: "P", width: 2, height: 1, data: new Uint8Array(6).fill(9), palette };
		const padded = (fillColor: number) => [...cropPicture(picture, longest({ size: 2, fillColor }))];
		expect(padded(1)).toEqual([9, 9, 4, 4, 9, 9, 5, 5, 9, 9, 6, 6]);
		expect(padded(2)).toEqual([9, 9, 0, 0, 9, 9, 0, 0, 9, 9, 0, 0]);
	});

	it.each([
		["a side becomes 0", { width: 1000, height: 1 }, longest({ size: 64 })],
		["too many pixels come of it", { width: 40_000, height: 1 }, { ...OPENCLIP_PREPROCESS, size: 224 }],
	])("refuses a picture so thin that %s", (_, { width, height }, preprocess) => {
		const thin: Picture = { path: "thin.png", mode: "L", width, height, data: new Uint8Array(width * height) };
		expect(() => cropPicture(thin, preprocess)).toThrow(
			expect.objectContaining({
				code: "ERR_IMAGE_INVALID",
				message: expect.stringContaining('Cannot read "thin.png"'),
			}),
		);
	});

	it("leaves a picture of its own size as it is", () => {
		const law = fc.property(anyPreprocess(), fc.infiniteStream(fc.nat(255)), (preprocess, bytes) => {
			const { size } = preprocess;
			const data = Uint8Array.from(bytes.take(size * size));
			const crop = cropPicture({ path: "p", mode: "L", width: size, height: size, data }, preprocess);
			expect([...crop]).toEqual([...data, ...data, ...data]);
		});
		fc.assert(law);
	});

	it("leaves a picture of one colour of that colour", () => {
		const sides = fc.record({ width: fc.integer({ min: 1, max: 60 }), height: fc.integer({ min: 1, max: 60 }) });
		const colour = fc.uint8Array({ minLength: 3, maxLength: 3 });
		const law = fc.property(
			anyPreprocess("shortest", "squash"),
			sides,
			colour,
			(preprocess, { width, height }, rgb) => {
				const data = Uint8Array.from({ length: width * height * 3 }, (_, index) => rgb[index % 3] ?? 0);
				const crop = cropPicture({ path: "p", mode: "RGB", width, height, data }, preprocess);
				expect([...crop]).toEqual([...rgb].flatMap((value) => new Array(preprocess.size ** 2).fill(value)));
			},
		);
		fc.assert(law);
	});
});

function longest(options: Partial<Preprocess> & { readonly size: number }): Preprocess {
	return { ...OPENCLIP_PREPROCESS, resizeMode: "longest", ...options };
}

function anyPreprocess(...modes: Preprocess["resizeMode"][]): fc.Arbitrary<Preprocess> {
	return fc.record({
		size: fc.integer({ min: 1, max: 40 }),
		mean: fc.constant(OPENCLIP_PREPROCESS.mean),
		std: fc.constant(OPENCLIP_PREPROCESS.std),
		interpolation: fc.constantFrom("bicubic", "bilinear"),
		resizeMode: fc.constantFrom(...(modes.length > 0 ? modes : (["shortest", "longest", "squash"] as const))),
		fillColor: fc.nat(255),
	});
}
