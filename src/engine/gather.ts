import type { OperationTraits } from "./operation.ts";

/** Fills `target` with a source's bytes from `position` on. */
export type ReadSource = (target: Uint8Array, position: number) => void;

/** A run of bytes of one source. */
export interface ByteRun {
	readonly position: number;
	readonly byteLength: number;
}

/** What of an operation decides where its operands' elements lie. */
export type OperandTraits = Pick<OperationTraits, "operandByteLengths" | "matrix">;

/** Some neighbouring elements of a step, counted in the output's order. */
export interface ElementRun {
	readonly first: number;
	readonly count: number;
}

/**
 * The runs of bytes in which a chunk of an operand is read, in that order: one, or of a matrix that is stored the other way
 * round one for each of the operand's rows.
 *
 * @param position of the operand's first element
 */
export function* operandRuns(
	{ operandByteLengths, matrix }: OperandTraits,
	operand: number,
	position: number,
	{ first, count }: ElementRun,
): Generator<ByteRun, void, undefined> {
	const elementBytes = operandByteLengths[operand] ?? 0;
	if (!matrix?.transposed[operand]) {
		yield { position: position + first * elementBytes, byteLength: count * elementBytes };
		return;
	}
	const { rows, columns } = matrix;
	const byteLength = (count / columns) * elementBytes;
	for (let column = 0; column < columns; column++) {
		yield { position: position + (column * rows + first / columns) * elementBytes, byteLength };
	}
}

/**
 * Reads a chunk of an operand in the output's order, row-major.
 *
 * Where the operand is stored transposed, each of its rows gives neighbouring elements that go to one column of `target`.
 * Memory is `target` and one such run, however large the matrix is.
 */
export function readOperand(
	read: ReadSource,
	target: Uint8Array,
	traits: OperandTraits,
	operand: number,
	position: number,
	elements: ElementRun,
): void {
	const runs = operandRuns(traits, operand, position, elements);
	if (!traits.matrix?.transposed[operand]) {
		for (const run of runs) read(target, run.position);
		return;
	}
	const elementBytes = traits.operandByteLengths[operand] ?? 0;
	const { columns } = traits.matrix;
	const stride = columns * elementBytes;
	const bytes = new Uint8Array((elements.count / columns) * elementBytes);
	let column = 0;
	for (const run of runs) {
		read(bytes, run.position);
		for (let byte = 0; byte < elementBytes; byte++) {
			let to = column * elementBytes + byte;
			for (let from = byte; from < bytes.length; from += elementBytes, to += stride) target[to] = bytes[from] ?? 0;
		}
		column++;
	}
}
