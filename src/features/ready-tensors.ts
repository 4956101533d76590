import type { TextTower } from "../architectures/text.ts";
import { type LocalFile, openLocalFile } from "../bytes/local-file.ts";
import { ClipSoupError } from "../errors.ts";
import { describeTensor } from "../safetensors/byte-length.ts";
import { readHeader } from "../safetensors/read-header.ts";
import { equalShapes } from "../tensor/shape.ts";
import type { StoredTensor } from "../tensor/tensor.ts";
import type { InputRows } from "./input-rows.ts";

/** What a file of ready tensors has to hold: `name`, or exactly one tensor of that dtype and rank. */
interface Wanted {
	readonly name: "pixel_values" | "input_ids";
	readonly dtype: "F32" | "I64";
	/** Shape of one row. */
	readonly row: readonly number[];
}

/**
 * Opens prepared pictures: `pixel_values`, F32 `[n, 3, size, size]`, scaled and normalised as the model wants them.
 *
 * @throws {ClipSoupError} what is wrong with the file; ERR_TENSOR_MISSING, ERR_DTYPE_MISMATCH or ERR_SHAPE_MISMATCH if it
 *   holds something else
 */
export async function openPixelValues(path: string, size: number): Promise<InputRows> {
	const wanted = { name: "pixel_values", dtype: "F32", row: [3, size, size] } as const;
	const { file, position, names } = await openTensor(path, wanted);
	return closingRows(file, names, async (first, count) => {
		const pixels = new Float32Array(count * 3 * size * size);
		await file.read(position + first * 3 * size * size * Float32Array.BYTES_PER_ELEMENT, new Uint8Array(pixels.buffer));
		return pixels;
	});
}

/**
 * Opens prepared texts: `input_ids`, I64 `[n, contextLength]`. Ids are checked when they are read.
 *
 * @throws {ClipSoupError} as `openPixelValues`; `read` ERR_VALUE_MISMATCH for an id that the vocabulary has not
 */
export async function openInputIds(
	path: string,
	{ contextLength, vocabularySize }: Pick<TextTower, "contextLength" | "vocabularySize">,
): Promise<InputRows> {
	const wanted = { name: "input_ids", dtype: "I64", row: [contextLength] } as const;
	const { file, position, names } = await openTensor(path, wanted);
	return closingRows(file, names, async (first, count) => {
		const ids = new BigInt64Array(count * contextLength);
		await file.read(position + first * contextLength * BigInt64Array.BYTES_PER_ELEMENT, new Uint8Array(ids.buffer));
		const at = ids.findIndex((id) => id < 0 || id >= vocabularySize);
		if (at < 0) return ids;
		const row = names[first + Math.floor(at / contextLength)];
		throw new ClipSoupError(
			"ERR_VALUE_MISMATCH",
			`Cannot use ${row} of "${path}": found id ${ids[at]}, expected ids from 0 to ${vocabularySize - 1}, those of the model`,
			{ fix: "tokenise with the tokenizer that belongs to the model", details: { path, row, id: String(ids[at]) } },
		);
	});
}

function closingRows(file: LocalFile, names: readonly string[], read: InputRows["read"]): InputRows {
	return { names, read, [Symbol.asyncDispose]: () => file.close() };
}

/** A tensor of the right dtype and shape, and the position of its first byte in the file. */
interface LocatedTensor {
	readonly file: LocalFile;
	readonly position: number;
	/** What its rows are called. */
	readonly names: readonly string[];
}

async function openTensor(path: string, wanted: Wanted): Promise<LocatedTensor> {
	const file = await openLocalFile(path);
	try {
		const { header, dataStart } = await readHeader(file);
		const tensor = chooseTensor(path, header.tensors, wanted);
		const count = rowCount(path, tensor, wanted);
		const names = Array.from({ length: count }, (_, row) => `${wanted.name}[${row}]`);
		return { file, position: dataStart + tensor.begin, names };
	} catch (error) {
		await file.close();
		throw error;
	}
}

function chooseTensor(path: string, tensors: readonly StoredTensor[], wanted: Wanted): StoredTensor {
	const { name, dtype, row } = wanted;
	const named = tensors.find((tensor) => tensor.name === name);
	if (named !== undefined) return named;
	const fitting = tensors.filter((tensor) => tensor.dtype === dtype && tensor.shape.length === row.length + 1);
	// The only tensor of a file is what is meant: if it does not fit, its own dtype or shape says more.
	const [only, ...others] = fitting.length > 0 ? fitting : tensors;
	if (only !== undefined && others.length === 0) return only;
	const found = fitting.length > 0 ? `${fitting.length} tensors of that dtype and rank` : `${tensors.length} others`;
	throw new ClipSoupError(
		"ERR_TENSOR_MISSING",
		`Cannot use "${path}": found no "${name}" but ${found}, expected "${name}" of ${wantedShape(wanted)}`,
		{ fix: `store the tensor under the name "${name}"`, details: { path, tensor: name } },
	);
}

function rowCount(path: string, tensor: StoredTensor, wanted: Wanted): number {
	const [count, ...row] = tensor.shape;
	const isOfDtype = tensor.dtype === wanted.dtype;
	if (isOfDtype && equalShapes(row, wanted.row) && count !== undefined && count > 0) return Number(count);
	throw new ClipSoupError(
		isOfDtype ? "ERR_SHAPE_MISMATCH" : "ERR_DTYPE_MISMATCH",
		`Cannot use "${tensor.name}" of "${path}": found ${describeTensor(tensor)}, expected ${wantedShape(wanted)}`,
		{ fix: `store it as ${wantedShape(wanted)}, n at least 1`, details: { path, tensor: tensor.name } },
	);
}

function wantedShape({ dtype, row }: Wanted): string {
	return `${dtype} [n, ${row.join(", ")}]`;
}
