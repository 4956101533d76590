import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { average } from "../../src/avg.ts";
import { FLOAT_DTYPES, type FloatDtype } from "../../src/tensor/dtype.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";
import { checkFiles } from "./soups.ts";

/** Each run starts threads and writes files; a failure is told before the test runs out of time. */
const RUNS = { numRuns: 10, endOnFailure: true };

const value = fc.double({ min: -50, max: 50, noNaN: true });
const tensorShape = fc.record({ dtype: fc.constantFrom<FloatDtype>(...FLOAT_DTYPES), length: fc.nat({ max: 1300 }) });
const weight = fc.double({ min: 0.01, max: 2, noNaN: true });

function tensor({ dtype, length }: { readonly dtype: FloatDtype; readonly length: number }): fc.Arbitrary<TestTensor> {
	return fc.array(value, { minLength: 7, maxLength: 7 }).map((values) => ({
		dtype,
		shape: [length],
		values: Array.from({ length }, (_, index) => values[index % 7] ?? 0),
	}));
}

/** Ingredients, and how they are averaged. */
const soup = fc
	.record({ shapes: fc.array(tensorShape, { minLength: 1, maxLength: 4 }), count: fc.integer({ min: 1, max: 5 }) })
	.chain(({ shapes, count }) =>
		fc.record({
			ingredients: fc.array(fc.tuple(...shapes.map(tensor)), { minLength: count, maxLength: count }),
			weights: fc.option(fc.array(weight, { minLength: count, maxLength: count }), { nil: undefined }),
			dtype: fc.option(fc.constantFrom<FloatDtype>("F64", "F32", "BF16"), { nil: undefined }),
		}),
	);

const way = fc.record({
	threads: fc.integer({ min: 1, max: 3 }),
	chunkByteLength: fc.integer({ min: 100, max: 6000 }),
});

test("checkSoup passes every soup that avg makes, and threads and chunks change nothing of what it finds", async () => {
	const folder = await temporaryFolder();
	await fc.assert(
		fc.asyncProperty(soup, way, way, async ({ ingredients, weights, dtype }, one, other) => {
			const paths = await Promise.all(
				ingredients.map((tensors, number) => {
					const named = new Map(tensors.map((each, index) => [`t${index}`, each]));
					return writeCheckpoint(join(folder, `${number}.safetensors`), named);
				}),
			);
			const output = join(folder, "soup.safetensors");
			await average(paths, { output, weights, dtype, force: true, fsync: false });
			expect(await checkFiles([output, ...paths], one)).toMatchObject({ status: "passed", findings: [] });
			// Not the weights it was made with: whatever is found, it is found every way.
			const wrong = { weights: paths.map((_, index) => index + 1.5), normalize: false };
			const { seconds: _, ...first } = await checkFiles([output, ...paths], { ...wrong, ...one });
			const { seconds: __, ...second } = await checkFiles([output, ...paths], { ...wrong, ...other });
			expect(first).toEqual(second);
		}),
		RUNS,
	);
});
