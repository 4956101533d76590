import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { OPENCLIP_PREPROCESS } from "../../src/layouts/preprocess.ts";
import { referenceImages, referenceTokens } from "../../src/onnx/reference-inputs.ts";

describe("referenceTokens", () => {
	it.each([
		["vit", 600],
		["resnet", 600],
		["digits-soup", 1000],
	] as const)("makes the rows of %s", async (system, vocabularySize) => {
		await using file = await openCheckpoint(`fixtures/onnx/${system}/expected.safetensors`);
		const { data } = await file.readArray("input_ids");
		expect(referenceTokens(3, { vocabularySize })).toEqual(data);
	});

	it("fills the last row", () => {
		const ids = referenceTokens(1, { vocabularySize: 600 });
		expect([ids.length, ids[0], ids[1], ids[75], ids[76]]).toEqual([77, 598n, 1n, BigInt(1 + ((17 * 74) % 597)), 599n]);
	});
});

describe("referenceImages", () => {
	it("makes pixels by the formula, channel by channel", () => {
		const images = referenceImages(2, { size: 4, mean: [0, 0.5, 0], std: [1, 0.5, 2] });
		const at = (k: number, c: number, y: number, x: number) => images[((k * 3 + c) * 4 + y) * 4 + x];
		expect(images.length).toBe(2 * 3 * 4 * 4);
		expect(at(0, 0, 1, 2)).toBe(Math.fround(11 / 255));
		expect(at(0, 1, 2, 3)).toBe(Math.fround((26 / 255 - 0.5) / 0.5));
		expect(at(1, 2, 3, 1)).toBe(Math.fround((5 + 27 + 14) / 255 / 2));
	});

	it("wraps at 256", () => {
		const images = referenceImages(1, { ...OPENCLIP_PREPROCESS, size: 100 });
		const [mean] = OPENCLIP_PREPROCESS.mean;
		const [std] = OPENCLIP_PREPROCESS.std;
		expect(images[99]).toBe(Math.fround(((297 - 256) / 255 - mean) / std));
	});
});
