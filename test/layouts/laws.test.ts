import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Architecture } from "../../src/architectures/architecture.ts";
import { PRESETS } from "../../src/architectures/index.ts";
import type { NamedShape } from "../../src/architectures/shapes.ts";
import { canonicalInventory, towerOf } from "../../src/layouts/canonical.ts";
import { TARGETS, type Target } from "../../src/layouts/index.ts";
import { readLayouts } from "../../src/layouts/read.ts";
import { planWriting, type Writing } from "../../src/layouts/write.ts";
import { formatShape } from "../../src/tensor/shape.ts";
import { INVENTORY_FIXTURES } from "../architectures/fixtures.ts";
import { countingTensors, smallArchitecture } from "./arbitraries.ts";
import { readCanonical, writeTarget } from "./memory.ts";
import type { MemoryTensor } from "./systems.ts";

const ALL_TARGETS = Object.values(TARGETS);

/** Whether a target has a place for all that it should hold. */
function canHold(target: Target, architecture: Architecture): boolean {
	return planWriting(target, architecture, canonicalInventory(architecture)).faults.length === 0;
}

/** Reads a plan's own names and shapes back, without bytes. */
function readBack({ folders }: Writing, architecture: Architecture) {
	const stored = folders.map(({ folder, tensors }) => ({
		label: folder.name,
		tensors: tensors.map(({ name, shape }) => ({ name, shape, dtype: "F32" as const })),
	}));
	return readLayouts(stored, { expected: new Set(canonicalInventory(architecture).map(({ name }) => name)) });
}

function shapesByName(tensors: readonly NamedShape[]): ReadonlyMap<string, string> {
	return new Map(tensors.map(({ name, shape }) => [name, formatShape(shape)]));
}

/** Dtype, shape and digest by name. */
function contentByName(tensors: readonly MemoryTensor[]): ReadonlyMap<string, string> {
	return new Map(tensors.map(({ name, dtype, shape, sha256 }) => [name, `${dtype} ${formatShape(shape)} ${sha256}`]));
}

describe.each(ALL_TARGETS)("$id", (target) => {
	const presets = [...PRESETS.values()].filter(({ architecture }) => canHold(target, architecture));

	it.each(presets)("names the tensors of $name one to one", ({ architecture }) => {
		const inventory = canonicalInventory(architecture);
		const writing = planWriting(target, architecture, inventory);
		const names = writing.folders.flatMap(({ folder, tensors }) => tensors.map(({ name }) => `${folder.name}/${name}`));
		expect(new Set(names).size).toBe(names.length);

		const reading = readBack(writing, architecture);
		expect(reading.faults).toEqual([]);
		const unwritten = new Set([...writing.carried, ...writing.left]);
		expect(shapesByName(reading.tensors)).toEqual(shapesByName(inventory.filter(({ name }) => !unwritten.has(name))));
	});

	it("gives every byte back that it holds", () => {
		fc.assert(
			fc.property(smallArchitecture, (architecture) => {
				fc.pre(canHold(target, architecture));
				const canonical = countingTensors(architecture);
				const { carried, left } = planWriting(target, architecture, canonical);
				const written = writeTarget(target, architecture, canonical);
				const found = readCanonical(
					written.map(({ tensors }) => tensors),
					architecture,
				);
				const held = canonical.filter(({ name }) => !carried.includes(name) && !left.includes(name));
				expect(contentByName(found)).toEqual(contentByName(held));
			}),
			{ numRuns: 60 },
		);
	});
});

describe("planWriting", () => {
	it("gives the same bytes through another layout", () => {
		fc.assert(
			fc.property(smallArchitecture, (architecture) => {
				fc.pre(architecture.vision.family === "vit");
				const canonical = countingTensors(architecture);
				const [hf] = writeTarget(TARGETS["hf-clip"], architecture, canonical);
				const throughHf = readCanonical([hf?.tensors ?? []], architecture);
				const [direct] = writeTarget(TARGETS.timm, architecture, canonical);
				const [indirect] = writeTarget(TARGETS.timm, architecture, throughHf);
				expect(contentByName(indirect?.tensors ?? [])).toEqual(contentByName(direct?.tensors ?? []));
			}),
			{ numRuns: 30 },
		);
	});

	it.each(INVENTORY_FIXTURES)("gives OpenCLIP's own names and shapes to $model", ({ model, tensors }) => {
		const { recognitions, faults, tensors: canonical } = readLayouts([{ label: model, tensors }]);
		expect(recognitions[0]?.layout.id).toBe("openclip");
		expect(faults).toEqual([]);
		expect(canonical).toHaveLength(tensors.length);
	});

	it.each([
		{ preset: "convnext_xxlarge", target: TARGETS.timm, count: 380 },
		{ preset: "convnext_xxlarge", target: TARGETS.openclip, count: 673 },
		// 4 more for each of 24 text layers, 1 less each for the temperature (carried), 1 more for the zero bias.
		{ preset: "convnext_xxlarge", target: TARGETS["hf-pair"], count: 673 + 4 * 24 },
		{ preset: "convnext_xxlarge", target: TARGETS["hf-dual"], count: 673 + 4 * 24 },
		{ preset: "ViT-H-14", target: TARGETS["hf-clip"], count: 686 + 4 * (32 + 24) },
		{ preset: "ViT-H-14", target: TARGETS.timm, count: 393 },
	])("writes $count tensors for $preset as $target.id", ({ preset, target, count }) => {
		const architecture = presetOf(preset);
		const { folders } = planWriting(target, architecture, canonicalInventory(architecture));
		expect(folders.flatMap(({ tensors }) => tensors)).toHaveLength(count);
	});

	it("carries both temperatures where only towers are held", () => {
		const architecture = { ...presetOf("ViT-B-32"), logitBias: true };
		const inventory = canonicalInventory(architecture);
		const timm = planWriting(TARGETS.timm, architecture, inventory);
		expect(timm.carried).toEqual(["logit_scale", "logit_bias"]);
		expect(timm.left.every((name) => towerOf(name) === "text")).toBe(true);
		expect(planWriting(TARGETS["hf-pair"], architecture, inventory)).toMatchObject({
			carried: ["logit_scale", "logit_bias"],
			left: [],
			faults: [],
		});
	});

	it.each([
		{ name: "logit_bias", target: TARGETS["hf-clip"], change: { logitBias: true } },
		{
			name: "text_projection.bias",
			target: TARGETS["hf-clip"],
			change: { text: { ...presetOf("ViT-B-32").text, projectionBias: true } },
		},
	])("refuses $name in $target.id unless it is dropped", ({ name, target, change }) => {
		const architecture = { ...presetOf("ViT-B-32"), ...change };
		const inventory = canonicalInventory(architecture);
		const { faults } = planWriting(target, architecture, inventory);
		expect(faults.map(({ code, details }) => [code, details.name])).toEqual([["ERR_LAYOUT_MISMATCH", name]]);
		const dropping = planWriting(target, architecture, inventory, new Set([name]));
		expect(dropping).toMatchObject({ faults: [], dropped: [name] });
	});

	it.each([
		["convnext_xxlarge", TARGETS["hf-clip"]],
		["RN50", TARGETS["hf-clip"]],
		["RN50", TARGETS["hf-dual"]],
		["ViT-B-32", TARGETS["hf-dual"]],
	] as const)("refuses the image tower of %s in $1.id", (preset, target) => {
		const architecture = presetOf(preset);
		const { faults } = planWriting(target, architecture, canonicalInventory(architecture));
		expect(faults.map(({ code }) => code)).toEqual(["ERR_LAYOUT_MISMATCH"]);
	});

	it.each(["hf-clip", "hf-pair", "hf-dual"] as const)(
		"prefixes the text names of %s, as transformers 4 needs it",
		(id) => {
			const architecture = presetOf(id === "hf-clip" ? "ViT-B-32" : "convnext_base_w");
			const names = planWriting(TARGETS[id], architecture, canonicalInventory(architecture)).folders.flatMap(
				({ tensors }) => tensors.map(({ name }) => name),
			);
			expect(names).toContain("text_model.embeddings.token_embedding.weight");
			expect(names.some((name) => name.startsWith("embeddings."))).toBe(false);
		},
	);

	it("writes a ConvNeXt's trained projection bias into timm, and refuses it in a dual encoder", () => {
		const preset = presetOf("convnext_base_w");
		if (preset.vision.family !== "convnext") throw new Error("No ConvNeXt");
		const architecture: Architecture = { ...preset, vision: { ...preset.vision, headBias: true } };
		const inventory = canonicalInventory(architecture);
		const bias = planWriting(TARGETS.timm, architecture, inventory)
			.folders.flatMap(({ tensors }) => tensors)
			.filter(({ name }) => name === "head.fc.bias");
		expect(bias.map(({ source }) => source)).toEqual([
			{ kind: "canonical", name: "visual.head.proj.bias", isTransposed: false },
		]);
		expect(planWriting(TARGETS["hf-dual"], architecture, inventory).faults).toHaveLength(1);
	});
});

function presetOf(name: string): Architecture {
	const preset = PRESETS.get(name);
	if (preset === undefined) throw new Error(`No preset "${name}"`);
	return preset.architecture;
}
