import { ClipSoupError } from "../errors.ts";
import type { Shape } from "../tensor/shape.ts";
import { formatShape } from "../tensor/shape.ts";

/** What inference needs of a tensor. */
export interface NamedShape {
	readonly name: string;
	readonly shape: Shape;
}

/** Shapes by tensor name, as inference reads them. */
export interface Shapes {
	has(name: string): boolean;
	/** What messages call a tensor: its name in the file, of which there may be several; undefined if it can have none. */
	storedName(name: string): string | undefined;
	/**
	 * @throws {ClipSoupError} ERR_TENSOR_MISSING without the tensor, ERR_SHAPE_MISMATCH if it has no such axis.
	 */
	dimension(name: string, axis: number): number;
	/** Number of dimensions. @throws {ClipSoupError} ERR_TENSOR_MISSING without the tensor. */
	rank(name: string): number;
	/**
	 * Side of the square grid of a positional embedding `[1 + side², …]`.
	 * @throws {ClipSoupError} as `dimension`, and ERR_SHAPE_MISMATCH if its places make no square.
	 */
	gridSide(name: string): number;
	/** How many tensors are named by `nameOf(0)`, `nameOf(1)` … without a gap. */
	count(nameOf: (index: number) => string): number;
}

/** Indexes tensors by name; `storedName` tells what messages call them. */
export function shapesOf(tensors: Iterable<NamedShape>, storedName: Shapes["storedName"] = (name) => name): Shapes {
	const byName = new Map<string, Shape>();
	for (const { name, shape } of tensors) byName.set(name, shape);
	const has = (name: string) => byName.has(name);
	const shapeOf = (name: string) => {
		const shape = byName.get(name);
		if (shape === undefined) throw missingFault(storedName(name) ?? name);
		return { name: storedName(name) ?? name, shape };
	};
	return {
		has,
		storedName,
		dimension: (name, axis) => dimensionOf(shapeOf(name), axis),
		gridSide: (name) => gridSideOf(shapeOf(name)),
		rank: (name) => shapeOf(name).shape.length,
		count: (nameOf) => {
			let count = 0;
			while (has(nameOf(count))) count++;
			return count;
		},
	};
}

function missingFault(name: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_TENSOR_MISSING",
		`Cannot infer an architecture: found no tensor "${name}", expected one`,
		{ fix: "give the whole checkpoint, with all of its shards", details: { name } },
	);
}

function dimensionOf(tensor: NamedShape, axis: number): number {
	const dimension = tensor.shape[axis];
	if (dimension !== undefined) return Number(dimension);
	throw shapeFault(tensor, `${axis + 1} dimensions or more`);
}

function gridSideOf(tensor: NamedShape): number {
	const side = Math.sqrt(dimensionOf(tensor, 0) - 1);
	if (Number.isInteger(side)) return side;
	throw shapeFault(tensor, "one place more than a square number");
}

function shapeFault({ name, shape }: NamedShape, expected: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_SHAPE_MISMATCH",
		`Cannot infer an architecture from "${name}": found ${formatShape(shape)}, expected ${expected}`,
		{ details: { name, found: formatShape(shape), expected } },
	);
}
