import { expect, test } from "vitest";
import { toArray } from "../../src/tensor/array.ts";

test("toArray gives an ndarray of the tensor's shape, row-major", () => {
	const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
	const array = toArray({ name: "t", dtype: "F32", shape: [2, 3] }, bytes);
	expect(array.shape).toEqual([2, 3]);
	expect(array.get(1, 0)).toBe(4);
	expect(array.transpose(1, 0).get(0, 1)).toBe(4);
});

test("toArray widens BF16 to float32 and reads bytes at odd offsets", () => {
	const bytes = new Uint8Array([9, 0x80, 0x3f, 0x20, 0xc0]).subarray(1);
	const { data } = toArray({ name: "t", dtype: "BF16", shape: [2] }, bytes);
	expect(data).toEqual(Float32Array.of(1, -2.5));
});

test("toArray keeps I64 exact", () => {
	const bytes = new Uint8Array(BigInt64Array.of(2n ** 60n + 1n).buffer);
	expect(toArray({ name: "steps", dtype: "I64", shape: [] }, bytes).get()).toBe(2n ** 60n + 1n);
});

test("toArray refuses dtypes whose values JavaScript cannot hold", () => {
	expect(() => toArray({ name: "t", dtype: "F4", shape: [2] }, new Uint8Array(1))).toThrow(
		expect.objectContaining({ code: "ERR_TENSOR_DTYPE" }),
	);
});
