import type { Shape } from "../tensor/shape.ts";

/** How a stored tensor's shape differs from the canonical one. All but `transposed` leave the bytes as they are. */
export type ShapeChange = keyof typeof SHAPE_CHANGES;

interface ShapeRule {
	/** Stored shape of a canonical one; undefined if it cannot have been one. */
	readonly toStored: (shape: Shape) => Shape | undefined;
	/** The inverse. */
	readonly toCanonical: (shape: Shape) => Shape | undefined;
	/** The stored shape in words, for messages. */
	readonly expected: string;
}

/** Every change of shape between OpenCLIP and the other layouts. */
export const SHAPE_CHANGES = {
	same: { toStored: (shape) => shape, toCanonical: (shape) => shape, expected: "any shape" },
	/** A bare matrix [in, out] ⇄ the weight [out, in] of a Linear. */
	transposed: { toStored: reversed, toCanonical: reversed, expected: "a matrix" },
	/** timm keeps its embeddings ready for a batch: [N, D] ⇄ [1, N, D]. */
	oneMore: { toStored: (shape) => [1, ...shape], toCanonical: (shape) => tail(shape, 1), expected: "[1, …]" },
	/** [D] ⇄ [1, 1, D]. */
	twoMore: { toStored: (shape) => [1, 1, ...shape], toCanonical: (shape) => tail(shape, 2), expected: "[1, 1, …]" },
	/** A temperature of [] or, in OpenCLIP's `nonscalar_logit_scale`, [1]; open_clip reads either as the other. */
	single: { toStored: (shape) => (isSingle(shape) ? [1] : undefined), toCanonical: scalarOf, expected: "[1]" },
	scalar: { toStored: (shape) => (isSingle(shape) ? [] : undefined), toCanonical: scalarOf, expected: "[]" },
} as const satisfies Record<string, ShapeRule>;

function reversed(shape: Shape): Shape | undefined {
	return shape.length === 2 ? shape.toReversed() : undefined;
}

function tail(shape: Shape, ones: number): Shape | undefined {
	const isPadded = shape.length > ones && shape.slice(0, ones).every((dimension) => dimension === 1);
	return isPadded ? shape.slice(ones) : undefined;
}

function scalarOf(shape: Shape): Shape | undefined {
	return isSingle(shape) ? [] : undefined;
}

function isSingle(shape: Shape): boolean {
	return shape.every((dimension) => dimension === 1);
}
