import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalisedRows } from "../../src/onnx/logits.ts";
import type { FeatureBatch } from "../../src/onnx/tower-features.ts";
import { fillTemplates, softmaxRows, zeroShotClassifier } from "../../src/onnx/zero-shot.ts";

async function* batchesOf(values: Float32Array, width: number, rows: number): AsyncGenerator<FeatureBatch> {
	for (let first = 0; first * width < values.length; first += rows) {
		yield { first, values: values.subarray(first * width, (first + rows) * width) };
	}
}

/** Features of three classes with two templates each. */
const SIZES = { classes: 3, templates: 2, width: 4 };
const element = fc.float({ min: Math.fround(0.125), max: 8, noNaN: true });
const features = fc.array(element, { minLength: 24, maxLength: 24 }).map((values) => Float32Array.from(values));

function largestDifference(a: Float64Array, b: Float64Array): number {
	return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? Number.NaN))), 0);
}

describe("zeroShotClassifier", () => {
	it("is the normalised mean of normalised features", async () => {
		const values = Float32Array.of(3, 0, 0, 7, 0, 2, 0, 2);
		const found = await zeroShotClassifier(batchesOf(values, 2, 4), { classes: 2, templates: 2, width: 2 });
		const half = Math.SQRT1_2;
		expect(largestDifference(found, Float64Array.of(half, half, 0, 1))).toBeLessThan(1e-15);
	});

	it("is the normalised feature itself with one template", async () => {
		await fc.assert(
			fc.asyncProperty(features, async (values) => {
				const found = await zeroShotClassifier(batchesOf(values, 4, 6), { classes: 6, templates: 1, width: 4 });
				const expected = Float64Array.from(normalisedRows(values, 4).flatMap((row) => [...row]));
				expect(largestDifference(found, expected)).toBeLessThan(1e-15);
			}),
		);
	});

	it("is the same however the texts are cut into batches", async () => {
		const rows = fc.integer({ min: 1, max: 7 });
		await fc.assert(
			fc.asyncProperty(features, rows, async (values, count) => {
				const whole = await zeroShotClassifier(batchesOf(values, 4, 6), SIZES);
				expect(await zeroShotClassifier(batchesOf(values, 4, count), SIZES)).toEqual(whole);
			}),
		);
	});

	it("does not depend on the length of a text's features", async () => {
		const factor = fc.constantFrom(0.25, 0.5, 2, 16);
		await fc.assert(
			fc.asyncProperty(features, factor, async (values, scale) => {
				const scaled = values.map((value, index) => (index < 4 ? scale * value : value));
				const whole = await zeroShotClassifier(batchesOf(values, 4, 6), SIZES);
				const found = await zeroShotClassifier(batchesOf(scaled, 4, 6), SIZES);
				expect(largestDifference(found, whole)).toBeLessThan(1e-15);
			}),
		);
	});
});

describe("fillTemplates", () => {
	it("puts the name in every place, class by class, and leaves its own characters alone", () => {
		expect(fillTemplates(["cat", "$& {"], ["a {}.", "{} or {}"])).toEqual([
			"a cat.",
			"cat or cat",
			"a $& {.",
			"$& { or $& {",
		]);
	});
});

describe("softmaxRows", () => {
	it("sums to 1, keeps the order and ignores a summand, however large", () => {
		const logits = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 2, maxLength: 6 });
		fc.assert(
			fc.property(logits, fc.constantFrom(0, 1e6, -1e6), (row, summand) => {
				const [found = []] = softmaxRows(
					Float64Array.from(row, (value) => value + summand),
					row.length,
				);
				expect(Math.abs(found.reduce((sum, value) => sum + value, 0) - 1)).toBeLessThan(1e-12);
				const largest = row.indexOf(Math.max(...row));
				expect(found[largest]).toBe(Math.max(...found));
			}),
		);
	});

	it("is exp over the sum of exp, row by row", () => {
		const [a = [], b = []] = softmaxRows(Float64Array.of(0, Math.log(3), 5, 5), 2);
		expect(a[0]).toBeCloseTo(0.25, 14);
		expect(a[1]).toBeCloseTo(0.75, 14);
		expect(b).toEqual([0.5, 0.5]);
	});
});
