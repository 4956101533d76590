import type { Progress, Watch } from "../progress.ts";
import { type Dtype, floatByteLength, isFloatDtype } from "../tensor/dtype.ts";
import { type Operation, OperationList } from "./operation.ts";
import { runPass } from "./pass.ts";
import type { PassSource } from "./protocol.ts";
import type { NonFiniteElements, TensorStatistics } from "./results.ts";
import { type Operand, StepTable } from "./step-table.ts";

/** A run of elements that is read and not written. */
export interface ReadStep {
	readonly operation: Extract<Operation, { readonly kind: "scan" | "finite" | "digest" }>;
	readonly elementCount: number;
	/** One, or the parts that make up the run. */
	readonly operands: readonly Operand[];
}

/** Statistics as they are told outside of the engine. */
export type Statistics = Omit<TensorStatistics, "kind">;

/** What the bytes of a step tell. */
export interface BytesRead {
	/** 64 lower-case hex digits; empty without digests. */
	readonly sha256: string;
	/** Of a `scan`. */
	readonly statistics?: Statistics;
	/** Of a `finite`, if there are any. */
	readonly nonFinite?: NonFiniteElements;
}

/** What steps read from, and how. */
export interface ReadPassOptions {
	readonly sources: readonly PassSource[];
	readonly phase: Progress["phase"];
	readonly threads: number | undefined;
	/** Whether to take digests, which cost more than all else. Default true. */
	readonly digests?: boolean;
}

/** Reads a whole tensor for its digest alone. */
export function digestStep(byteLength: number, operand: Operand): ReadStep {
	return { operation: { kind: "digest" }, elementCount: byteLength, operands: [operand] };
}

/** Reads a whole tensor: digest, and statistics if its dtype has arithmetic. */
export function tensorStep(dtype: Dtype, byteLength: number, operand: Operand): ReadStep {
	if (!isFloatDtype(dtype)) return digestStep(byteLength, operand);
	return { operation: { kind: "scan", dtype }, elementCount: byteLength / floatByteLength(dtype), operands: [operand] };
}

/** Reads a whole tensor: digest, and elements that are not finite, which costs less than statistics. */
export function finiteStep(dtype: Dtype, byteLength: number, operand: Operand): ReadStep {
	if (!isFloatDtype(dtype)) return digestStep(byteLength, operand);
	return {
		operation: { kind: "finite", dtype },
		elementCount: byteLength / floatByteLength(dtype),
		operands: [operand],
	};
}

/** Reads the steps in one streaming pass and gives what they tell, in their order. */
export async function readBytes(
	reads: readonly ReadStep[],
	options: ReadPassOptions,
	watch: Watch,
): Promise<readonly BytesRead[]> {
	const operations = new OperationList();
	const operandCount = reads.reduce((most, { operands }) => Math.max(most, operands.length), 1);
	const steps = new StepTable(reads.length, { operandCount, outputCount: 0 });
	for (const [row, { operation, elementCount, operands }] of reads.entries()) {
		steps.set(row, { operation: operations.indexOf(operation), elementCount, operands });
	}
	const digests: string[] = reads.map(() => "");
	const told = new Map<number, Omit<BytesRead, "sha256">>();
	await runPass(
		{
			digests: true,
			...options,
			operations: operations.all,
			steps,
			outputs: [],
			onResult: (row, result) => {
				if (result.kind === "finite") told.set(row, { nonFinite: result });
				if (result.kind !== "scan") return;
				const { kind: _, ...statistics } = result;
				told.set(row, { statistics });
			},
			onDigests: (row, { operands: [sha256 = ""] }) => {
				digests[row] = sha256;
			},
		},
		watch,
	);
	return digests.map((sha256, row) => ({ sha256, ...told.get(row) }));
}
