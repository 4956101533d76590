import { describe, expect, it } from "vitest";
import { canonicalInventory, towerOf } from "../../src/layouts/canonical.ts";
import { buildTowerGraph } from "../../src/onnx/clip.ts";
import { logitsPerImage, readTemperature } from "../../src/onnx/logits.ts";
import { openTower } from "../../src/onnx/session.ts";
import { CASES, featuresOf, inputsOf, largestError, openCase, openClipOf, openModel, readExpected } from "./systems.ts";

const TOWERS = ["image", "text"] as const;

describe.each(CASES)("$system, $layout", (one) => {
	it("has the features and logits that open_clip computes", async () => {
		await using opened = await openCase(one);
		const [images, texts] = [await featuresOf(opened, "image"), await featuresOf(opened, "text")];
		const { embedDim } = opened.architecture;
		const logits = logitsPerImage(images, texts, embedDim, await readTemperature(opened.model));

		for (const [name, found] of Object.entries({
			image_features: images,
			text_features: texts,
			logits_per_image: logits,
		})) {
			const { values, tolerance } = await readExpected(one.system, name);
			expect(largestError(found, values), name).toBeLessThanOrEqual(tolerance);
		}
	});
});

const FAMILIES = ["vit", "convnext-mlp", "resnet"];

describe.each(FAMILIES)("the graphs of %s", (system) => {
	it.each(TOWERS)("use every tensor of the %s tower", async (tower) => {
		await using opened = await openModel(openClipOf(system));
		const { tensors } = await buildTowerGraph(opened.model, opened.architecture, tower);
		const expected = canonicalInventory(opened.architecture)
			.filter(({ name, role }) => towerOf(name) === tower && role !== "counter")
			.map(({ name }) => name);
		expect([...tensors].sort()).toEqual(expected.sort());
	});

	it.each(TOWERS)("give each input of the %s tower the same features in a batch of 1, 2 and 3", async (tower) => {
		await using opened = await openModel(openClipOf(system));
		const graph = await buildTowerGraph(opened.model, opened.architecture, tower);
		await using session = await openTower(graph);
		const whole = await session.run(inputsOf(opened, tower, 3));
		const inputs = inputsOf(opened, tower, 3);
		const rowLength = inputs.length / 3;
		for (const [first, count] of [
			[0, 1],
			[1, 1],
			[2, 1],
			[0, 2],
			[1, 2],
		] as const) {
			const some = await session.run(inputs.slice(first * rowLength, (first + count) * rowLength));
			const expected = Array.from(whole.slice(first * graph.features, (first + count) * graph.features));
			const largest = Math.max(...expected.map(Math.abs));
			// Kernels may block their sums otherwise for another number of rows.
			expect(largestError(some, expected)).toBeLessThanOrEqual(2e-6 * largest);
		}
	});

	it.each(TOWERS)("are some kilobytes for the %s tower: no weight is in them", async (tower) => {
		await using opened = await openModel(openClipOf(system));
		const { bytes } = await buildTowerGraph(opened.model, opened.architecture, tower);
		expect(bytes.byteLength).toBeLessThan(40_000);
	});
});
