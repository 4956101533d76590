/** One dimension: a number, or a bigint above 2^53 − 1, which only a tensor without elements can have. */
export type Dimension = number | bigint;

/** Row-major dimensions; `[]` is a scalar. */
export type Shape = readonly Dimension[];

/** Number of elements of a shape that passed the header's checks, so that it fits a number. */
export function elementCount(shape: Shape): number {
	return shape.includes(0) ? 0 : shape.reduce<number>((product, dimension) => product * Number(dimension), 1);
}

export function equalShapes(a: Shape, b: Shape): boolean {
	return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** `[768, 512]`, as error messages and tables show it. */
export function formatShape(shape: Shape): string {
	return `[${shape.join(", ")}]`;
}
