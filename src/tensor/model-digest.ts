import { createHash } from "node:crypto";
import { compareUtf8 } from "./names.ts";
import type { TensorInfo } from "./tensor.ts";

/** A tensor with the SHA-256 of its bytes, 64 lower-case hex digits. */
export interface DigestedTensor extends TensorInfo {
	readonly sha256: string;
}

/**
 * Digest of a checkpoint's content: `sha256:` and the SHA-256 over one line a tensor, sorted by name in UTF-8 byte order.
 *
 * A line is name, dtype, dimensions joined by commas and hex digest with NUL between them, ended by a newline.
 * Sharding, header order and metadata do not change it.
 */
export function modelDigest(tensors: Iterable<DigestedTensor>): string {
	const hash = createHash("sha256");
	for (const { name, dtype, shape, sha256 } of [...tensors].sort((a, b) => compareUtf8(a.name, b.name))) {
		hash.update(`${name}\0${dtype}\0${shape.join(",")}\0${sha256}\n`);
	}
	return `sha256:${hash.digest("hex")}`;
}
