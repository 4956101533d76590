import type { Census, CensusFile } from "../engine/census.ts";
import type { Lock } from "../lock/schema.ts";
import { counted } from "../reports/plain-text.ts";
import { DTYPES } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { type CheckResult, type Finding, ranCheck, skippedCheck } from "../verification.ts";
import { hexOf, layoutOf } from "./lock-comparison.ts";
import type { Subject } from "./subject.ts";

/**
 * CS002: weight files are those of the lock, byte by byte.
 *
 * Other files with the same tensors are no fault: the same names with other bytes are a warning, another layout or
 * other shards skip the check.
 */
export function checkFiles(subject: Subject, census: Census, lock: Lock): CheckResult {
	const { files } = census;
	if (files === undefined) return skippedCheck("CS002", "weight files were not digested as a whole");
	const layout = layoutOf(subject);
	if (layout !== lock.model.layout) {
		return skippedCheck(
			"CS002",
			`the files are ${layout ?? "of no layout"}, the lock's ${lock.model.layout ?? "of none"}`,
		);
	}
	const locked = new Map(lock.files.map((file) => [file.path, file]));
	const pairs = files.flatMap((found) => {
		const twin = locked.get(found.path);
		return twin === undefined ? [] : [{ found, twin }];
	});
	if (pairs.length === 0) {
		const names = (all: readonly { readonly path: string }[]) => all.map(({ path }) => path).join(", ") || "none";
		return skippedCheck("CS002", `the files are ${names(files)}, the lock's ${names(lock.files)}`);
	}
	const haveSameTensors = census.modelDigest === lock.modelDigest;
	const isShort = byteLength(census.tensors) < byteLength(lock.stored ?? lock.tensors);
	const findings = pairs.flatMap(({ found, twin }) => fileFindings(found, twin, { haveSameTensors, isShort }));
	const detail = `${pairs.length} of ${counted(lock.files.length, "file")} of the lock`;
	const isListed = pairs.some(({ found }) => found.isListed);
	return ranCheck("CS002", 0, {
		detail: isListed ? `${detail}, by the digests that the Hub lists` : detail,
		findings,
	});
}

/** Of all tensors, without headers: those have another length as soon as a metadatum has. */
function byteLength(tensors: readonly Pick<TensorInfo, "dtype" | "shape">[]): number {
	return tensors.reduce((sum, { dtype, shape }) => sum + (elementCount(shape) * DTYPES[dtype].bits) / 8, 0);
}

function fileFindings(
	{ path, size, sha256 }: CensusFile,
	locked: Lock["files"][number],
	{ haveSameTensors, isShort }: { readonly haveSameTensors: boolean; readonly isShort: boolean },
): readonly Finding[] {
	if (size === locked.size && sha256 === hexOf(locked)) return [];
	const words = size === locked.size ? "other bytes" : `${size} bytes, expected ${locked.size}`;
	return [
		{
			level: haveSameTensors ? "warning" : "error",
			message: `"${path}" has ${words}${haveSameTensors ? ", and the same tensors" : ""}`,
			file: path,
			expected: locked.sha256,
			found: `sha256:${sha256}`,
			...(haveSameTensors && { cause: "other metadata, or tensors in another order" }),
			...(isShort && { cause: "tensors are missing or narrower" }),
		},
	];
}
