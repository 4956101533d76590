import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Watch } from "../progress.ts";
import { floatByteLength, isFloatDtype } from "../tensor/dtype.ts";
import { type BytesRead, finiteStep, readBytes } from "./census-pass.ts";
import { type StoredTensor, storedTensors } from "./census-tensors.ts";
import { sourceNumbers, sourcesOf } from "./plan.ts";
import type { NonFiniteElements } from "./results.ts";

/** A stored tensor that has elements which are NaN or infinite. */
export interface NonFiniteTensor extends Omit<NonFiniteElements, "kind"> {
	/** Stored name. */
	readonly name: string;
}

/** What a search for NaN and Inf looked at and found. */
export interface FiniteReport {
	/** Float tensors and their elements. */
	readonly tensors: number;
	readonly elements: number;
	readonly nonFinite: readonly NonFiniteTensor[];
}

/** Reads all float tensors once, as fast as memory gives them, and tells which have elements that are not finite. */
export async function findNonFinite(
	checkpoints: readonly Checkpoint[],
	{ threads }: { readonly threads?: number | undefined } = {},
	watch: Watch = {},
): Promise<FiniteReport> {
	const floats = storedTensors(checkpoints).filter(({ dtype }) => isFloatDtype(dtype));
	const read = await readFinite(checkpoints, floats, { threads, digests: false }, watch);
	return finiteReportOf(floats, read);
}

/** Reads these tensors of checkpoints once, each as a whole. @throws {ClipSoupError} ERR_INPUT_CHANGED, ERR_IO … */
export async function readFinite(
	checkpoints: readonly Checkpoint[],
	tensors: readonly StoredTensor[],
	options: { readonly threads: number | undefined; readonly digests: boolean },
	watch: Watch,
): Promise<readonly BytesRead[]> {
	const sourceOf = sourceNumbers(checkpoints);
	const steps = tensors.map(({ dtype, byteLength, folder, file, position }) =>
		finiteStep(dtype, byteLength, { source: sourceOf(folder, file), position }),
	);
	const read = await readBytes(steps, { phase: "read", sources: sourcesOf(checkpoints), ...options }, watch);
	for (const checkpoint of checkpoints) await checkpoint.assertUnchanged();
	return read;
}

/** What was found of tensors that were read with `finiteStep`. */
export function finiteReportOf(tensors: readonly StoredTensor[], read: readonly BytesRead[]): FiniteReport {
	const sizes = tensors.flatMap(({ dtype, byteLength }) =>
		isFloatDtype(dtype) ? [byteLength / floatByteLength(dtype)] : [],
	);
	return {
		tensors: sizes.length,
		elements: sizes.reduce((sum, elements) => sum + elements, 0),
		nonFinite: tensors.flatMap(({ name }, row): NonFiniteTensor[] => {
			const found = read[row]?.nonFinite;
			if (found === undefined) return [];
			const { kind: _, ...counts } = found;
			return [{ name, ...counts }];
		}),
	};
}
