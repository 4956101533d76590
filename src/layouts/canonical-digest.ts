import { type DigestedTensor, modelDigest } from "../tensor/model-digest.ts";
import { type Tower, towerOf } from "./canonical.ts";

/** Digests over canonical tensors: the same for every layout, sharding and metadata of the same numbers. */
export interface CanonicalDigest {
	/** Of the image tower, whose names begin with `visual.`. */
	readonly visual?: string | undefined;
	/** Of the text tower. */
	readonly text?: string | undefined;
	/** Of both towers and what joins them. */
	readonly all: string;
}

/** The model digests of canonical tensors, once a tower that is there and once for all. */
export function canonicalDigestOf(tensors: readonly DigestedTensor[]): CanonicalDigest {
	const visual = digestOfTower(tensors, "image");
	const text = digestOfTower(tensors, "text");
	return { ...(visual && { visual }), ...(text && { text }), all: modelDigest(tensors) };
}

function digestOfTower(tensors: readonly DigestedTensor[], tower: Tower): string | undefined {
	const own = tensors.filter(({ name }) => towerOf(name) === tower);
	return own.length === 0 ? undefined : modelDigest(own);
}
