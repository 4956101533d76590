import { ClipSoupError } from "../errors.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { equalShapes, formatShape } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { InventoryTensor } from "./layers.ts";
import type { NamedShape } from "./shapes.ts";

type FormsOf = (tensor: NamedShape) => readonly NamedShape[];

/**
 * How a checkpoint's tensors differ from an inventory: one fault for each that is missing, extra, of another shape,
 * or of a dtype that its role cannot have. No fault means that they fit.
 *
 * Faults speak of the tensors that `formsOf` makes of one of the inventory: those which a layout stores in its place.
 */
export function inventoryFaults(
	inventory: readonly InventoryTensor[],
	found: readonly TensorInfo[],
	formsOf: FormsOf = (tensor) => [tensor],
): readonly ClipSoupError[] {
	const foundByName = new Map(found.map((tensor) => [tensor.name, tensor]));
	const expectedNames = new Set(inventory.map(({ name }) => name));
	return [
		...inventory.flatMap((tensor) => tensorFaults(tensor, foundByName.get(tensor.name), formsOf)),
		...found
			.filter(({ name }) => !expectedNames.has(name))
			.flatMap(formsOf)
			.map(({ name, shape }) => fault("ERR_TENSOR_EXTRA", name, formatShape(shape), "no such tensor")),
	];
}

function tensorFaults(tensor: InventoryTensor, found: TensorInfo | undefined, formsOf: FormsOf): ClipSoupError[] {
	if (found === undefined) {
		return formsOf(tensor).map(({ name, shape }) =>
			fault("ERR_TENSOR_MISSING", name, "no such tensor", formatShape(shape)),
		);
	}
	const isCounter = tensor.role === "counter";
	const isRightShape = equalShapes(found.shape, tensor.shape);
	const isRightDtype = isCounter ? found.dtype === "I64" : isFloatDtype(found.dtype);
	if (isRightShape && isRightDtype) return [];
	const foundForms = formsOf(found);
	const dtype = isCounter ? "I64" : "a float dtype";
	return formsOf(tensor).flatMap(({ name, shape }, index) => [
		...(isRightShape
			? []
			: [fault("ERR_SHAPE_MISMATCH", name, formatShape(foundForms[index]?.shape ?? found.shape), formatShape(shape))]),
		...(isRightDtype ? [] : [fault("ERR_DTYPE_MISMATCH", name, found.dtype, dtype)]),
	]);
}

type InventoryErrorCode = "ERR_TENSOR_EXTRA" | "ERR_TENSOR_MISSING" | "ERR_SHAPE_MISMATCH" | "ERR_DTYPE_MISMATCH";

function fault(code: InventoryErrorCode, name: string, found: string, expected: string): ClipSoupError {
	const message = `Cannot fit "${name}" into the architecture: found ${found}, expected ${expected}`;
	const config = "check that the config belongs to the checkpoint";
	return new ClipSoupError(code, message, {
		fix: code === "ERR_TENSOR_MISSING" ? `give the whole checkpoint, with all of its shards, and ${config}` : config,
		details: { name, found, expected },
	});
}
