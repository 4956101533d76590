import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseArchitecture } from "../../src/architectures/architecture.ts";
import { inventoryOf } from "../../src/architectures/inventory.ts";
import { inventoryFaults } from "../../src/architectures/inventory-faults.ts";
import { compareUtf8 } from "../../src/tensor/names.ts";
import type { TensorInfo } from "../../src/tensor/tensor.ts";
import { anyArchitecture } from "./arbitraries.ts";
import { INVENTORY_FIXTURES, readFixture, withTensor } from "./fixtures.ts";

function sorted<Named extends { readonly name: string }>(tensors: readonly Named[]): readonly Named[] {
	return [...tensors].sort((a, b) => compareUtf8(a.name, b.name));
}

function faultsIn(change: (tensors: readonly TensorInfo[]) => readonly TensorInfo[], model = "RN50") {
	const { config, tensors } = readFixture(model);
	const faults = inventoryFaults(inventoryOf(parseArchitecture(config)), change(tensors));
	return faults.map(({ code, details }) => [code, details.name]);
}

describe("inventoryOf", () => {
	it.each(INVENTORY_FIXTURES)("has exactly open_clip's names and shapes of $model", ({ config, tensors }) => {
		const inventory = inventoryOf(parseArchitecture(config)).map(({ name, shape }) => ({ name, shape }));
		expect(sorted(inventory)).toEqual(sorted(tensors).map(({ name, shape }) => ({ name, shape })));
	});

	it.each(INVENTORY_FIXTURES)("calls exactly the int64 tensors of $model counters", ({ config, tensors }) => {
		const counters = inventoryOf(parseArchitecture(config)).filter(({ role }) => role === "counter");
		const integers = tensors.filter(({ dtype }) => dtype === "I64");
		expect(sorted(counters).map(({ name }) => name)).toEqual(sorted(integers).map(({ name }) => name));
	});

	const inOrder = INVENTORY_FIXTURES.filter(({ model }) => !model.startsWith("small-"));
	it.each(inOrder)("keeps open_clip's order in $model", ({ config, tensors }) => {
		const names = inventoryOf(parseArchitecture(config)).map(({ name }) => name);
		expect(names).toEqual(tensors.map(({ name }) => name));
	});

	it("names no tensor twice", () => {
		fc.assert(
			fc.property(anyArchitecture, (architecture) => {
				const names = inventoryOf(architecture).map(({ name }) => name);
				expect(new Set(names).size).toBe(names.length);
			}),
		);
	});
});

describe("inventoryFaults", () => {
	it("finds none where the config belongs to the checkpoint", () => {
		expect(faultsIn((tensors) => tensors)).toEqual([]);
	});

	it("finds a missing tensor", () => {
		expect(faultsIn((tensors) => tensors.filter(({ name }) => name !== "logit_scale"))).toEqual([
			["ERR_TENSOR_MISSING", "logit_scale"],
		]);
	});

	it("finds an extra tensor", () => {
		expect(faultsIn((tensors) => [...tensors, { name: "logit_bias", dtype: "F32", shape: [] }])).toEqual([
			["ERR_TENSOR_EXTRA", "logit_bias"],
		]);
	});

	it("finds a transposed tensor", () => {
		const change: TensorInfo = { name: "text_projection", dtype: "F32", shape: [1024, 512] };
		expect(faultsIn((tensors) => withTensor(tensors, change))).toEqual([["ERR_SHAPE_MISMATCH", "text_projection"]]);
	});

	it("finds a scalar that became a vector", () => {
		const change: TensorInfo = { name: "logit_scale", dtype: "F32", shape: [1] };
		expect(faultsIn((tensors) => withTensor(tensors, change))).toEqual([["ERR_SHAPE_MISMATCH", "logit_scale"]]);
	});

	it("finds a counter that was averaged into a float", () => {
		const change: TensorInfo = { name: "visual.bn1.num_batches_tracked", dtype: "F32", shape: [] };
		expect(faultsIn((tensors) => withTensor(tensors, change))).toEqual([
			["ERR_DTYPE_MISMATCH", "visual.bn1.num_batches_tracked"],
		]);
	});

	it("finds a parameter of integers", () => {
		const change: TensorInfo = { name: "logit_scale", dtype: "I64", shape: [] };
		expect(faultsIn((tensors) => withTensor(tensors, change))).toEqual([["ERR_DTYPE_MISMATCH", "logit_scale"]]);
	});

	it("takes half-precision checkpoints", () => {
		expect(faultsIn((tensors) => tensors, "small-vit-f16")).toEqual([]);
	});

	it("finds that a checkpoint is another model's", () => {
		const { tensors } = readFixture("ViT-H-16");
		const { config } = readFixture("ViT-H-14");
		const faults = inventoryFaults(inventoryOf(parseArchitecture(config)), tensors);
		expect(faults.map(({ message }) => message)).toEqual([
			'Cannot fit "visual.positional_embedding" into the architecture: found [197, 1280], expected [257, 1280]',
			'Cannot fit "visual.conv1.weight" into the architecture: found [1280, 3, 16, 16], expected [1280, 3, 14, 14]',
		]);
	});
});
