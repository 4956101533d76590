import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Watch } from "../progress.ts";
import { floatByteLength, isFloatDtype } from "../tensor/dtype.ts";
import { OperationList } from "./operation.ts";
import { runPass } from "./pass.ts";
import { sourceNumbers, sourcesOf } from "./plan.ts";
import type { NonFiniteElements } from "./results.ts";
import { StepTable } from "./step-table.ts";

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
	const floats = checkpoints.flatMap(({ tensors }, checkpoint) =>
		[...tensors.values()].flatMap(({ name, dtype, file, position, byteLength }) =>
			isFloatDtype(dtype) ? [{ name, dtype, checkpoint, file, position, byteLength }] : [],
		),
	);
	const operations = new OperationList();
	const steps = new StepTable(floats.length, { operandCount: 1, outputCount: 0 });
	const sourceOf = sourceNumbers(checkpoints);
	let elements = 0;
	for (const [row, { dtype, checkpoint, file, position, byteLength }] of floats.entries()) {
		const elementCount = byteLength / floatByteLength(dtype);
		elements += elementCount;
		const operation = operations.indexOf({ kind: "finite", dtype });
		steps.set(row, { operation, elementCount, operands: [{ source: sourceOf(checkpoint, file), position }] });
	}
	const found = new Map<number, NonFiniteElements>();
	await runPass(
		{
			operations: operations.all,
			steps,
			phase: "read",
			sources: sourcesOf(checkpoints),
			outputs: [],
			threads,
			onResult: (row, result) => {
				if (result.kind === "finite") found.set(row, result);
			},
		},
		watch,
	);
	for (const checkpoint of checkpoints) await checkpoint.assertUnchanged();
	const nonFinite = floats.flatMap(({ name }, row): NonFiniteTensor[] => {
		const result = found.get(row);
		if (result === undefined) return [];
		const { kind: _, ...counts } = result;
		return [{ name, ...counts }];
	});
	return { tensors: floats.length, elements, nonFinite };
}
