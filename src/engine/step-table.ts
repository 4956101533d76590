/** Where an operand's first byte lies: a source by number, and the absolute position in it. */
export interface Operand {
	readonly source: number;
	readonly position: number;
}

/** Where a step writes: a file by number, and the absolute position in it. */
export interface Place {
	readonly file: number;
	readonly position: number;
}

/** One unit of work: an operation on runs of elements that lie contiguous in each operand and in each output. */
export interface Step {
	/** Index into the pass's operations. */
	readonly operation: number;
	readonly elementCount: number;
	readonly operands: readonly Operand[];
	/** The same bytes go to each of these places; none for operations that write nothing. */
	readonly outputs?: readonly Place[];
}

/** The most operands and outputs that a step of a table has. */
export interface StepWidths {
	readonly operandCount: number;
	readonly outputCount: number;
}

/** What another thread needs to see the same table. */
export interface StepTableParts extends StepWidths {
	readonly length: number;
	readonly buffer: SharedArrayBuffer;
}

const OPERATION = 0;
const ELEMENTS = 1;
const FIRST_OUTPUT = 2;
const NO_FILE = -1;

/**
 * The steps of a pass as rows of float64 in shared memory.
 *
 * Threads share one copy, and a header with a million tensors costs 8 bytes a cell, not an object a row and thread.
 * Positions are exact up to 2^53.
 */
export class StepTable implements StepTableParts {
	readonly buffer: SharedArrayBuffer;
	readonly length: number;
	readonly operandCount: number;
	readonly outputCount: number;
	readonly #cells: Float64Array;
	readonly #stride: number;

	constructor(length: number, { operandCount, outputCount }: StepWidths, buffer?: SharedArrayBuffer) {
		this.#stride = FIRST_OUTPUT + 2 * (outputCount + operandCount);
		this.buffer = buffer ?? new SharedArrayBuffer(Math.max(1, length * this.#stride) * 8);
		this.#cells = new Float64Array(this.buffer);
		this.length = length;
		this.operandCount = operandCount;
		this.outputCount = outputCount;
	}

	/** The table that another thread made. */
	static attach({ length, buffer, ...widths }: StepTableParts): StepTable {
		return new StepTable(length, widths, buffer);
	}

	/** What another thread attaches to. */
	get parts(): StepTableParts {
		const { buffer, length, operandCount, outputCount } = this;
		return { buffer, length, operandCount, outputCount };
	}

	set(row: number, { operation, elementCount, operands, outputs = [] }: Step): void {
		const base = row * this.#stride;
		this.#cells[base + OPERATION] = operation;
		this.#cells[base + ELEMENTS] = elementCount;
		for (let index = 0; index < this.outputCount; index++) {
			const cell = base + FIRST_OUTPUT + 2 * index;
			this.#cells[cell] = outputs[index]?.file ?? NO_FILE;
			this.#cells[cell + 1] = outputs[index]?.position ?? 0;
		}
		operands.forEach(({ source, position }, index) => {
			const cell = base + FIRST_OUTPUT + 2 * (this.outputCount + index);
			this.#cells[cell] = source;
			this.#cells[cell + 1] = position;
		});
	}

	operation(row: number): number {
		return this.#cell(row, OPERATION);
	}

	elementCount(row: number): number {
		return this.#cell(row, ELEMENTS);
	}

	outputs(row: number): Place[] {
		return Array.from({ length: this.outputCount }, (_, index) => ({
			file: this.#cell(row, FIRST_OUTPUT + 2 * index),
			position: this.#cell(row, FIRST_OUTPUT + 2 * index + 1),
		})).filter(({ file }) => file !== NO_FILE);
	}

	operand(row: number, index: number): Operand {
		const cell = FIRST_OUTPUT + 2 * (this.outputCount + index);
		return { source: this.#cell(row, cell), position: this.#cell(row, cell + 1) };
	}

	#cell(row: number, column: number): number {
		return this.#cells[row * this.#stride + column] ?? 0;
	}
}
