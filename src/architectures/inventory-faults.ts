import { ClipSoupError } from "../errors.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { equalShapes, formatShape } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { InventoryTensor } from "./layers.ts";

/**
 * How a checkpoint's tensors differ from an inventory: one fault for each that is missing, extra, of another shape,
 * or of a dtype that its role cannot have. No fault means that they fit.
 */
export function inventoryFaults(
	inventory: readonly InventoryTensor[],
	found: readonly TensorInfo[],
): readonly ClipSoupError[] {
	const foundByName = new Map(found.map((tensor) => [tensor.name, tensor]));
	const expectedNames = new Set(inventory.map(({ name }) => name));
	return [
		...inventory.flatMap((tensor) => tensorFaults(tensor, foundByName.get(tensor.name))),
		...found
			.filter(({ name }) => !expectedNames.has(name))
			.map(({ name, shape }) => fault("ERR_TENSOR_EXTRA", name, formatShape(shape), "no such tensor")),
	];
}

function tensorFaults({ name, shape, role }: InventoryTensor, found: TensorInfo | undefined): ClipSoupError[] {
	if (found === undefined) return [fault("ERR_TENSOR_MISSING", name, "no such tensor", formatShape(shape))];
	const faults: ClipSoupError[] = [];
	if (!equalShapes(found.shape, shape)) {
		faults.push(fault("ERR_SHAPE_MISMATCH", name, formatShape(found.shape), formatShape(shape)));
	}
	const isRightDtype = role === "counter" ? found.dtype === "I64" : isFloatDtype(found.dtype);
	if (!isRightDtype) {
		faults.push(fault("ERR_DTYPE_MISMATCH", name, found.dtype, role === "counter" ? "I64" : "a float dtype"));
	}
	return faults;
}

type InventoryErrorCode = "ERR_TENSOR_EXTRA" | "ERR_TENSOR_MISSING" | "ERR_SHAPE_MISMATCH" | "ERR_DTYPE_MISMATCH";

function fault(code: InventoryErrorCode, name: string, found: string, expected: string): ClipSoupError {
	const message = `Cannot fit "${name}" into the architecture: found ${found}, expected ${expected}`;
	return new ClipSoupError(code, message, {
		fix: "check that the config belongs to the checkpoint",
		details: { name, found, expected },
	});
}
