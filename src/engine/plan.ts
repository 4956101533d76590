import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Dtype } from "../tensor/dtype.ts";
import type { Operation } from "./operation.ts";
import type { PassSource } from "./protocol.ts";
import type { StepTable } from "./step-table.ts";

/** What a row of the step table is about. */
export interface StepSubject {
	/** Name of the tensor, as messages call it. */
	readonly name: string;
	/** Input numbers, from 0, of the operands. */
	readonly inputs: readonly number[];
	/** `write`: bytes of the output; `digest`: read for its digest only; `zero`: every element has to be 0. */
	readonly purpose: "write" | "digest" | "zero";
	/** Dtype that is written. */
	readonly dtype: Dtype;
}

/** All that is to be read and written, as a pass takes it. */
export interface Plan {
	readonly operations: readonly Operation[];
	readonly steps: StepTable;
	/** One for each row of `steps`. */
	readonly subjects: readonly StepSubject[];
	readonly sources: readonly PassSource[];
}

/** Numbers the files of checkpoints as sources of a pass, one checkpoint after the other. */
export function sourceNumbers(checkpoints: readonly Checkpoint[]): (checkpoint: number, file: number) => number {
	const firstOf: number[] = [];
	let next = 0;
	for (const { files } of checkpoints) {
		firstOf.push(next);
		next += files.length;
	}
	return (checkpoint, file) => (firstOf[checkpoint] ?? 0) + file;
}

/** The files of checkpoints in the order of `sourceNumbers`. */
export function sourcesOf(checkpoints: readonly Checkpoint[]): PassSource[] {
	return checkpoints.flatMap(({ files }) =>
		files.map(({ source }): PassSource => {
			const { name, descriptor } = source;
			return descriptor === undefined ? { name, remote: source } : { name, descriptor };
		}),
	);
}
