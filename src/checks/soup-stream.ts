import { type Operation, OperationList } from "../engine/operation.ts";
import { runPass } from "../engine/pass.ts";
import type { PassSource } from "../engine/protocol.ts";
import type { StepResult } from "../engine/results.ts";
import { type Operand, StepTable } from "../engine/step-table.ts";
import type { Watch } from "../progress.ts";
import type { Subject } from "./subject.ts";

/** A run of elements to be read, and who wants to know what was found. */
export interface StreamRow {
	readonly operation: Operation;
	readonly elementCount: number;
	readonly operands: readonly Operand[];
	/** Called for each result, in no fixed order: a row of an element-wise operation may have several. */
	readonly onResult: (result: StepResult) => void;
}

export interface StreamOptions {
	/** Worker threads. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
	/** Bytes of one operand's buffer, for tests. */
	readonly chunkByteLength?: number | undefined;
}

/**
 * Reads rows in one streaming pass that writes nothing.
 *
 * @param subjects to which the sources belong
 * @throws {ClipSoupError} ERR_IO, ERR_FILE_TRUNCATED, ERR_INPUT_CHANGED
 */
export async function streamRows(
	rows: readonly StreamRow[],
	sources: readonly PassSource[],
	subjects: readonly Subject[],
	options: StreamOptions,
	watch: Watch,
): Promise<void> {
	const operations = new OperationList();
	const operandCount = rows.reduce((most, { operands }) => Math.max(most, operands.length), 1);
	const steps = new StepTable(rows.length, { operandCount, outputCount: 0 });
	for (const [row, { operation, elementCount, operands }] of rows.entries()) {
		steps.set(row, { operation: operations.indexOf(operation), elementCount, operands });
	}
	await runPass(
		{
			phase: "read",
			operations: operations.all,
			steps,
			sources,
			outputs: [],
			...options,
			onResult: (row, result) => rows[row]?.onResult(result),
		},
		watch,
	);
	for (const checkpoint of subjects.flatMap(({ checkpoints }) => checkpoints)) await checkpoint.assertUnchanged();
}
