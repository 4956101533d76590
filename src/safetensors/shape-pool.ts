import type { Dimension, Shape } from "../tensor/shape.ts";
import { equalShapes } from "../tensor/shape.ts";

/** More than the distinct shapes of a checkpoint; a power of two so that a hash is cut by a mask. */
const SLOT_COUNT = 1024;

/** Lets the tensors of a header share equal shapes, of which a checkpoint has few. Forgets rather than grows. */
export class ShapePool {
	readonly #slots: Shape[] = [];

	/** A frozen array equal to `dimensions`, which must not change afterwards. */
	share(dimensions: Dimension[]): Shape {
		let hash = dimensions.length;
		for (const dimension of dimensions) hash = (Math.imul(hash, 31) + Number(dimension)) | 0;
		const slot = hash & (SLOT_COUNT - 1);
		const known = this.#slots[slot];
		if (known !== undefined && equalShapes(known, dimensions)) return known;
		const shape = Object.freeze(dimensions);
		this.#slots[slot] = shape;
		return shape;
	}
}
