import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type AverageOptions, average } from "../../src/avg.ts";
import { diff } from "../../src/diff.ts";
import { FLOAT_DTYPES, type FloatDtype, floatByteLength } from "../../src/tensor/dtype.ts";
import { type TestTensor, writeCheckpoint } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";

/** Each run starts threads and writes files, so that a few dozen have to do. */
const RUNS = { numRuns: 10 };

/** Values that F8_E4M3 holds too, times sums of eight of them. */
const value = fc.double({ min: -50, max: 50, noNaN: true });

const tensorShape = fc.record({
	dtype: fc.constantFrom<FloatDtype>(...FLOAT_DTYPES),
	length: fc.integer({ min: 0, max: 1300 }),
});

/** A few tensors of any dtype and length, and n sets of values for them. */
const inputs = fc
	.record({ shapes: fc.array(tensorShape, { minLength: 1, maxLength: 5 }), count: fc.integer({ min: 1, max: 5 }) })
	.chain(({ shapes, count }) =>
		fc.array(fc.tuple(...shapes.map((shape) => tensor(shape.dtype, shape.length))), {
			minLength: count,
			maxLength: count,
		}),
	);

function tensor(dtype: FloatDtype, length: number): fc.Arbitrary<TestTensor> {
	return fc.array(value, { minLength: Math.min(length, 7), maxLength: Math.min(length, 7) }).map((values) => ({
		dtype,
		shape: [length],
		values: Array.from({ length }, (_, i) => values[i % values.length] ?? 0),
	}));
}

async function write(folder: string, tensors: readonly (readonly TestTensor[])[]): Promise<string[]> {
	return Promise.all(
		tensors.map((input, number) =>
			writeCheckpoint(join(folder, `${number}.safetensors`), new Map(input.map((each, index) => [`t${index}`, each]))),
		),
	);
}

async function bytesOf(folder: string, paths: readonly string[], options: AverageOptions): Promise<Buffer> {
	const output = join(folder, "soup.safetensors");
	await average(paths, { ...options, output, force: true, fsync: false });
	return readFile(output);
}

test("average gives the same file for any number of threads and any chunk size", async () => {
	const folder = await temporaryFolder();
	const way = fc.record({
		threads: fc.integer({ min: 1, max: 6 }),
		chunkByteLength: fc.integer({ min: 8, max: 6000 }),
	});
	await fc.assert(
		fc.asyncProperty(inputs, way, way, async (tensors, one, other) => {
			const paths = await write(folder, tensors);
			const [a, b] = [await bytesOf(folder, paths, one), await bytesOf(folder, paths, other)];
			expect(a.equals(b)).toBe(true);
		}),
		RUNS,
	);
});

test("average of one checkpoint, taken several times, is that checkpoint", async () => {
	const folder = await temporaryFolder();
	// Powers of two: the sum of three equal F64 values is rounded, and a third of it need not be the value.
	const copies = fc.constantFrom(1, 2, 4);
	await fc.assert(
		fc.asyncProperty(inputs, copies, async ([tensors = []], count) => {
			const [path = ""] = await write(folder, [tensors]);
			await bytesOf(
				folder,
				Array.from({ length: count }, () => path),
				{},
			);
			const { counts, tensors: compared } = await diff(path, join(folder, "soup.safetensors"));
			expect(counts.equal).toBe(compared.length);
		}),
		RUNS,
	);
});

test("average of F16 checkpoints does not depend on their order: float64 holds such sums exactly", async () => {
	const folder = await temporaryFolder();
	const lists = fc.array(tensor("F16", 700), { minLength: 2, maxLength: 6 });
	await fc.assert(
		fc.asyncProperty(lists, async (list) => {
			const paths = await write(
				folder,
				list.map((each) => [each]),
			);
			const options = { output: join(folder, "a.safetensors"), force: true, fsync: false };
			await average(paths, options);
			await average(paths.toReversed(), { ...options, output: join(folder, "b.safetensors") });
			expect((await diff(join(folder, "a.safetensors"), join(folder, "b.safetensors"))).equal).toBe(true);
		}),
		RUNS,
	);
});

test("digests do not change a tensor's bytes, and name them", async () => {
	const folder = await temporaryFolder();
	await fc.assert(
		fc.asyncProperty(inputs, async (tensors) => {
			const paths = await write(folder, tensors);
			const plain = join(folder, "plain.safetensors");
			await average(paths, { output: plain, force: true, fsync: false });
			const output = join(folder, "digested.safetensors");
			const result = await average(paths, { output, force: true, fsync: false, digests: true, chunkByteLength: 999 });
			expect((await diff(plain, output)).equal).toBe(true);
			expect(result.digests?.output.tensors).toHaveLength(tensors[0]?.length ?? 0);
			expect(result.recipe.modelDigest).toBe(result.digests?.output.modelDigest);
		}),
		RUNS,
	);
});

test("shards hold what one file holds", async () => {
	const folder = await temporaryFolder();
	await fc.assert(
		fc.asyncProperty(inputs, fc.integer({ min: 1, max: 20_000 }), async (tensors, maxShardSize) => {
			const paths = await write(folder, tensors);
			const single = join(folder, "single.safetensors");
			const sharded = join(folder, `sharded-${crypto.randomUUID()}`);
			await average(paths, { output: single, force: true, fsync: false });
			const { files } = await average(paths, { output: sharded, maxShardSize, fsync: false });
			expect((await diff(single, sharded)).equal).toBe(true);
			const total = tensors[0]?.reduce((sum, { dtype, shape }) => sum + Number(shape[0]) * widthOf(dtype), 0) ?? 0;
			if (total > maxShardSize && (tensors[0]?.length ?? 0) > 1) expect(files.length).toBeGreaterThan(2);
		}),
		RUNS,
	);
});

function widthOf(dtype: TestTensor["dtype"]): number {
	const float = FLOAT_DTYPES.find((known) => known === dtype);
	return float ? floatByteLength(float) : 0;
}
