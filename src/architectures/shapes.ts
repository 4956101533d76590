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

/** Indexes tensors by name. */
export function shapesOf(tensors: Iterable<NamedShape>): Shapes {
	const byName = new Map<string, Shape>();
	for (const { name, shape } of tensors) byName.set(name, shape);
	const has = (name: string) => byName.has(name);
	return {
		has,
		dimension: (name, axis) => dimensionOf(name, shapeOf(name, byName), axis),
		gridSide: (name) => gridSideOf(name, shapeOf(name, byName)),
		rank: (name) => shapeOf(name, byName).length,
		count: (nameOf) => {
			let count = 0;
			while (has(nameOf(count))) count++;
			return count;
		},
	};
}

function shapeOf(name: string, byName: ReadonlyMap<string, Shape>): Shape {
	const shape = byName.get(name);
	if (shape !== undefined) return shape;
	throw new ClipSoupError(
		"ERR_TENSOR_MISSING",
		`Cannot infer an architecture: found no tensor "${name}", expected one`,
		{
			fix: "give a whole CLIP checkpoint with OpenCLIP names",
			details: { name },
		},
	);
}

function dimensionOf(name: string, shape: Shape, axis: number): number {
	const dimension = shape[axis];
	if (dimension !== undefined) return Number(dimension);
	throw shapeFault(name, shape, `${axis + 1} dimensions or more`);
}

function gridSideOf(name: string, shape: Shape): number {
	const side = Math.sqrt(dimensionOf(name, shape, 0) - 1);
	if (Number.isInteger(side)) return side;
	throw shapeFault(name, shape, "one place more than a square number");
}

function shapeFault(name: string, shape: Shape, expected: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_SHAPE_MISMATCH",
		`Cannot infer an architecture from "${name}": found ${formatShape(shape)}, expected ${expected}`,
		{ details: { name, found: formatShape(shape), expected } },
	);
}
