import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Architecture, parseArchitecture } from "../../src/architectures/architecture.ts";
import { disagreements } from "../../src/architectures/disagreements.ts";
import { matchingPresets, PRESETS } from "../../src/architectures/index.ts";
import { inferArchitecture } from "../../src/architectures/infer.ts";
import { inventoryOf } from "../../src/architectures/inventory.ts";
import { ClipSoupError } from "../../src/errors.ts";
import { anyArchitecture } from "./arbitraries.ts";
import { INVENTORY_FIXTURES, readFixture, withTensor } from "./fixtures.ts";

/** Paths of all facts of an architecture; a list is one fact. */
function factPaths({ vision, text, ...root }: Architecture): string[] {
	return [
		...Object.keys(root),
		...Object.keys(vision).map((fact) => `vision.${fact}`),
		...Object.keys(text).map((fact) => `text.${fact}`),
	];
}

function expectLaw(architecture: Architecture) {
	const { known, unknown } = inferArchitecture(inventoryOf(architecture));
	expect(disagreements(known, architecture)).toEqual([]);
	const { vision, text, ...root } = known;
	const knownPaths = [
		...Object.keys(root),
		...Object.keys(vision).map((fact) => `vision.${fact}`),
		...Object.keys(text).map((fact) => `text.${fact}`),
	];
	expect([...knownPaths, ...unknown].sort()).toEqual([...factPaths(architecture), "preprocess"].sort());
}

function codeOf(run: () => unknown): string | undefined {
	try {
		run();
	} catch (error) {
		if (error instanceof ClipSoupError) return error.code;
		throw error;
	}
	return undefined;
}

describe("inferArchitecture", () => {
	it("agrees with the architecture on every fact that it knows, and names all others", () => {
		fc.assert(fc.property(anyArchitecture, expectLaw));
	});

	it.each([...PRESETS.values()])("agrees with preset $name", ({ architecture }) => expectLaw(architecture));

	it.each(INVENTORY_FIXTURES)("agrees with the config of open_clip's $model", ({ config, tensors }) => {
		expect(disagreements(inferArchitecture(tensors).known, parseArchitecture(config))).toEqual([]);
	});

	it("tells a ViT from its tensors", () => {
		expect(inferArchitecture(readFixture("ViT-H-14-336").tensors)).toEqual({
			known: {
				embedDim: 1024,
				vision: { family: "vit", imageSize: 336, patchSize: 14, width: 1280, layers: 32, mlpWidth: 5120 },
				text: {
					contextLength: 77,
					vocabularySize: 49_408,
					width: 1024,
					layers: 24,
					mlpWidth: 4096,
					projectionBias: false,
				},
				customText: false,
				logitBias: false,
				nonscalarLogitScale: false,
			},
			unknown: ["vision.heads", "vision.eps", "quickGelu", "text.heads", "text.eps", "preprocess"],
		});
	});

	it("tells the mlp head of convnext_large_d", () => {
		const { known, unknown } = inferArchitecture(readFixture("convnext_large_d").tensors);
		expect(known.vision).toEqual({
			family: "convnext",
			depths: [3, 3, 27, 3],
			dims: [192, 384, 768, 1536],
			head: "mlp",
			headBias: false,
		});
		expect(unknown).toContain("vision.imageSize");
	});

	it("tells a text tower of its own module", () => {
		expect(inferArchitecture(readFixture("small-vit-customtext").tensors).known.customText).toBe(true);
	});

	it("refuses an image tower of another family", () => {
		const tensors = [{ name: "visual.trunk.blocks.0.norm1.weight", shape: [768] }];
		expect(codeOf(() => inferArchitecture(tensors))).toBe("ERR_ARCHITECTURE_MISMATCH");
	});

	it("refuses an image tower without a text tower", () => {
		const { tensors } = readFixture("ViT-B-32");
		const visual = tensors.filter(({ name }) => name.startsWith("visual."));
		expect(codeOf(() => inferArchitecture(visual))).toBe("ERR_TENSOR_MISSING");
	});

	it("refuses a positional embedding that is no square grid", () => {
		const { tensors } = readFixture("ViT-B-32");
		const changed = withTensor(tensors, { name: "visual.positional_embedding", dtype: "F32", shape: [51, 768] });
		expect(codeOf(() => inferArchitecture(changed))).toBe("ERR_SHAPE_MISMATCH");
	});

	it("refuses a tensor of too few dimensions", () => {
		const { tensors } = readFixture("ViT-B-32");
		const changed = withTensor(tensors, { name: "visual.conv1.weight", dtype: "F32", shape: [768] });
		expect(codeOf(() => inferArchitecture(changed))).toBe("ERR_SHAPE_MISMATCH");
	});
});

describe("disagreements", () => {
	it("names the fact, what shapes tell, and what the config says", () => {
		const { known } = inferArchitecture(readFixture("ViT-H-16").tensors);
		const { config } = readFixture("ViT-H-14");
		expect(disagreements(known, parseArchitecture(config))).toEqual([
			{ fact: "vision.patchSize", inferred: 16, configured: 14 },
		]);
	});
});

describe("matchingPresets", () => {
	it.each([
		["ViT-B-32", ["ViT-B-32", "ViT-B-32-quickgelu"]],
		["ViT-H-16", ["ViT-H-16"]],
		["convnext_xxlarge", ["convnext_xxlarge", "convnext_xxlarge_320"]],
		["small-vit", []],
	])("finds for %s: %j", (model, names) => {
		const { known } = inferArchitecture(readFixture(model).tensors);
		expect(matchingPresets(known).map(({ name }) => name)).toEqual(names);
	});
});
