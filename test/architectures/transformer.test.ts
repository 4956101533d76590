import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mlpRatioOf, mlpWidthOf } from "../../src/architectures/transformer.ts";

describe("mlpRatioOf", () => {
	it.each([
		[1408, 6144, 4.3637],
		[1664, 8192, 4.9231],
		[768, 3072, 4],
	])("writes the ratio of width %i and %i as open_clip does", (width, mlpWidth, ratio) => {
		expect(mlpRatioOf(width, mlpWidth)).toBe(ratio);
	});

	it("avoids a ratio that truncates to one less", () => {
		expect(mlpWidthOf(100, 16.08)).toBe(1607);
		expect(mlpWidthOf(100, mlpRatioOf(100, 1608))).toBe(1608);
	});

	it("is undone by mlpWidthOf", () => {
		const size = fc.integer({ min: 1, max: 100_000 });
		fc.assert(
			fc.property(size, size, (width, mlpWidth) => {
				expect(mlpWidthOf(width, mlpRatioOf(width, mlpWidth))).toBe(mlpWidth);
			}),
			{ numRuns: 10_000 },
		);
	});
});
