/** Where an operand's first byte lies: a source by number, and the absolute position in it. */
export interface Operand {
	readonly source: number;
	readonly position: number;
}

/** One unit of work: an operation on runs of elements that lie contiguous in each operand and in the output. */
export interface Step {
	/** Index into the pass's operations. */
	readonly operation: number;
	readonly elementCount: number;
	readonly operands: readonly Operand[];
	/** Output file by number and absolute position in it; absent for operations that write nothing. */
	readonly output?: { readonly file: number; readonly position: number };
}

const OPERATION = 0;
const ELEMENTS = 1;
const OUTPUT_FILE = 2;
const OUTPUT_POSITION = 3;
const FIRST_OPERAND = 4;

/**
 * The steps of a pass as rows of float64 in shared memory.
 *
 * Threads share one copy, and a header with a million tensors costs 8 bytes a cell, not an object a row and thread.
 * Positions are exact up to 2^53.
 */
export class StepTable {
	readonly buffer: SharedArrayBuffer;
	readonly operandCount: number;
	readonly length: number;
	readonly #cells: Float64Array;
	readonly #stride: number;

	/** @param operandCount the most operands that any step has */
	constructor(length: number, operandCount: number, buffer?: SharedArrayBuffer) {
		this.#stride = FIRST_OPERAND + 2 * operandCount;
		this.buffer = buffer ?? new SharedArrayBuffer(Math.max(1, length * this.#stride) * 8);
		this.#cells = new Float64Array(this.buffer);
		this.operandCount = operandCount;
		this.length = length;
	}

	set(row: number, step: Step): void {
		const base = row * this.#stride;
		this.#cells[base + OPERATION] = step.operation;
		this.#cells[base + ELEMENTS] = step.elementCount;
		this.#cells[base + OUTPUT_FILE] = step.output?.file ?? -1;
		this.#cells[base + OUTPUT_POSITION] = step.output?.position ?? 0;
		step.operands.forEach((operand, index) => {
			this.#cells[base + FIRST_OPERAND + 2 * index] = operand.source;
			this.#cells[base + FIRST_OPERAND + 2 * index + 1] = operand.position;
		});
	}

	operation(row: number): number {
		return this.#cell(row, OPERATION);
	}

	elementCount(row: number): number {
		return this.#cell(row, ELEMENTS);
	}

	outputFile(row: number): number {
		return this.#cell(row, OUTPUT_FILE);
	}

	outputPosition(row: number): number {
		return this.#cell(row, OUTPUT_POSITION);
	}

	source(row: number, operand: number): number {
		return this.#cell(row, FIRST_OPERAND + 2 * operand);
	}

	position(row: number, operand: number): number {
		return this.#cell(row, FIRST_OPERAND + 2 * operand + 1);
	}

	#cell(row: number, column: number): number {
		return this.#cells[row * this.#stride + column] ?? 0;
	}
}
