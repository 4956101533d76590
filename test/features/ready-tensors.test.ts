import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openInputIds, openPixelValues } from "../../src/features/ready-tensors.ts";
import { ids, pixels, writeReady } from "../embed/inputs.ts";
import { f32, type TestTensor } from "../support/checkpoints.ts";
import { temporaryFolder } from "../support/tmp.ts";

const SIZE = 4;
const ROW = 3 * SIZE * SIZE;
const TEXT = { contextLength: 5, vocabularySize: 10 };

const numbered = Float32Array.from({ length: 6 * ROW }, (_, index) => index / 7);
const PIXELS = pixels(numbered, [6, 3, SIZE, SIZE]);
const IDS = ids([8, 1, 9, 0, 0, 8, 2, 9, 0, 0], [2, 5]);

async function write(tensors: Readonly<Record<string, TestTensor>>): Promise<string> {
	return writeReady(await temporaryFolder(), "ready.safetensors", tensors);
}

describe("openPixelValues", () => {
	it("reads any run of rows as it lies in the file", async () => {
		await using rows = await openPixelValues(await write({ before: f32(1, 2, 3), pixel_values: PIXELS }), SIZE);
		expect(rows.names).toEqual([0, 1, 2, 3, 4, 5].map((row) => `pixel_values[${row}]`));
		const run = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 6 }));
		await fc.assert(
			fc.asyncProperty(run, async ([first, most]) => {
				const count = Math.min(most, 6 - first);
				expect(await rows.read(first, count)).toEqual(numbered.slice(first * ROW, (first + count) * ROW));
			}),
		);
	});

	it("takes the only tensor of the dtype and rank, whatever its name", async () => {
		await using rows = await openPixelValues(await write({ photos: PIXELS, input_ids: IDS, mean: f32(0) }), SIZE);
		expect(await rows.read(5, 1)).toEqual(numbered.slice(5 * ROW));
	});

	it("prefers the name to others that would fit", async () => {
		const first = pixels(new Float32Array(ROW), [1, 3, SIZE, SIZE]);
		await using rows = await openPixelValues(await write({ first, pixel_values: PIXELS, last: first }), SIZE);
		expect(rows.names.length).toBe(6);
	});

	// biome-ignore format: a table
	it.each<[string, Record<string, TestTensor>, string, string]>([
		["no tensor", {}, "ERR_TENSOR_MISSING", 'no "pixel_values" but 0 others'],
		["two of other names", { a: PIXELS, b: PIXELS }, "ERR_TENSOR_MISSING", "2 tensors of that dtype and rank"],
		["only others", { a: f32(1), b: f32(1) }, "ERR_TENSOR_MISSING", 'no "pixel_values" but 2 others'],
		["another size", { pixel_values: pixels(new Float32Array(75), [1, 3, 5, 5]) }, "ERR_SHAPE_MISMATCH", "found F32 [1, 3, 5, 5], expected F32 [n, 3, 4, 4]"],
		["channels last", { x: pixels(new Float32Array(ROW), [1, SIZE, SIZE, 3]) }, "ERR_SHAPE_MISMATCH", "found F32 [1, 4, 4, 3]"],
		["one picture without a batch", { x: pixels(new Float32Array(ROW), [3, SIZE, SIZE]) }, "ERR_SHAPE_MISMATCH", "found F32 [3, 4, 4]"],
		["no picture", { pixel_values: pixels(new Float32Array(0), [0, 3, SIZE, SIZE]) }, "ERR_SHAPE_MISMATCH", "found F32 [0, 3, 4, 4]"],
		["a scalar", { pixel_values: pixels(new Float32Array(1), []) }, "ERR_SHAPE_MISMATCH", "found F32 []"],
		["half precision", { pixel_values: { dtype: "F16", shape: [1, 3, SIZE, SIZE] } }, "ERR_DTYPE_MISMATCH", "found F16 [1, 3, 4, 4]"],
		["bytes", { pixel_values: { dtype: "U8", shape: [1, 3, SIZE, SIZE] } }, "ERR_DTYPE_MISMATCH", "found U8 [1, 3, 4, 4]"],
	])("refuses %s", async (_, tensors, code, found) => {
		const path = await write(tensors);
		await expect(openPixelValues(path, SIZE)).rejects.toMatchObject({ code, message: expect.stringContaining(found) });
	});
});

describe("openInputIds", () => {
	it("reads the ids", async () => {
		await using rows = await openInputIds(await write({ input_ids: IDS }), TEXT);
		expect(rows.names).toEqual(["input_ids[0]", "input_ids[1]"]);
		expect(await rows.read(1, 1)).toEqual(BigInt64Array.of(8n, 2n, 9n, 0n, 0n));
	});

	it.each([-1, 10, 2 ** 40])("refuses id %i and tells the row", async (id) => {
		const path = await write({ input_ids: ids([8, 1, 9, 0, 0, 8, id, 9, 0, 0], [2, 5]) });
		await using rows = await openInputIds(path, TEXT);
		expect(await rows.read(0, 1)).toHaveLength(5);
		for (const [first, count] of [
			[0, 2],
			[1, 1],
		] as const) {
			await expect(rows.read(first, count)).rejects.toMatchObject({
				code: "ERR_VALUE_MISMATCH",
				message: expect.stringContaining(
					`Cannot use input_ids[1] of "${path}": found id ${id}, expected ids from 0 to 9`,
				),
			});
		}
	});

	it.each<[string, TestTensor, string]>([
		["another length", ids([1, 2, 3, 4], [1, 4]), "ERR_SHAPE_MISMATCH"],
		["one row without a batch", ids([1, 2, 3, 4, 5], [5]), "ERR_SHAPE_MISMATCH"],
		["32 bits", { dtype: "I32", shape: [1, 5] }, "ERR_DTYPE_MISMATCH"],
	])("refuses %s", async (_, tensor, code) => {
		await expect(openInputIds(await write({ input_ids: tensor }), TEXT)).rejects.toMatchObject({ code });
	});

	it.each([
		["no/such.safetensors", "ERR_INPUT_NOT_FOUND"],
		["fixtures/headers/pickle.safetensors", "ERR_FOREIGN_FORMAT"],
		["fixtures/headers", "ERR_INPUT_NOT_A_FILE"],
	])("refuses %s", async (path, code) => {
		await expect(openInputIds(path, TEXT)).rejects.toMatchObject({ code });
	});
});
