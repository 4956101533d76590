import { expect, it } from "vitest";
import { logitsPerImage, normalisedRows, readTemperature } from "../../src/onnx/logits.ts";
import { openClipOf, openModel } from "./systems.ts";

it("logitsPerImage scales cosines and adds the bias, image by image", () => {
	const logits = logitsPerImage([3, 4, 1, 0], [1, 0, 0, 2, -5, 0], 2, { scale: 10, bias: 1 });
	expect([...logits].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([7, 9, -5, 11, 1, -9]);
});

it("normalisedRows leaves a vector of zeros as it is", () => {
	expect(normalisedRows([0, 0], 2)).toEqual([Float64Array.of(0, 0)]);
});

it("readTemperature takes what the user gave, or what the file holds, as a logarithm", async () => {
	await using opened = await openModel(openClipOf("vit"));
	expect(await readTemperature(opened.model)).toEqual({ scale: expect.closeTo(1 / 0.07, 5), bias: 0 });
	const without = { ...opened.model, tensors: [], carried: [] };
	await expect(readTemperature(without)).rejects.toMatchObject({ code: "ERR_TENSOR_MISSING" });
	const bytes = new Uint8Array(Float32Array.of(2).buffer);
	const carried = { ...without, carried: [{ name: "logit_scale", dtype: "F32" as const, shape: [], bytes }] };
	expect(await readTemperature(carried)).toEqual({ scale: Math.exp(2), bias: 0 });
});
