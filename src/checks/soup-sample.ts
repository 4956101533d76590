import { readFully } from "../bytes/descriptor.ts";
import { operandRuns, readOperand } from "../engine/gather.ts";
import type { PassSource } from "../engine/protocol.ts";
import { type FloatDtype, floatByteLength } from "../tensor/dtype.ts";
import { decodeFloat } from "../tensor/float-bits.ts";
import type { AlignedFloats, AlignedTensor, Run } from "./soup-alignment.ts";

/** A float tensor laid beside its ingredients. */
export type AlignedFloatTensor = AlignedTensor & { readonly values: AlignedFloats };

/** Some neighbouring elements of a tensor, in float64, which holds them all exactly. */
export interface Sample {
	readonly tensor: AlignedFloatTensor;
	/** Within the stored tensor. */
	readonly first: number;
	readonly count: number;
	/** Of the ingredients that the tensor is made of. */
	readonly inputs: readonly Float64Array[];
	readonly stored: Float64Array;
}

export function isFloatTensor(tensor: AlignedTensor): tensor is AlignedFloatTensor {
	return tensor.values.areFloat;
}

/**
 * Reads at most `most` elements of a tensor, `element` among them; whole rows of a matrix that an ingredient stores the
 * other way round, one at least.
 *
 * @returns undefined for a tensor without elements
 */
export async function readSample(
	sources: readonly PassSource[],
	tensor: AlignedFloatTensor,
	element: number,
	most: number,
): Promise<Sample | undefined> {
	const run = tensor.runs.find(({ first, elementCount }) => element < first + elementCount);
	if (run === undefined) return undefined;
	const row = tensor.matrix?.columns ?? 1;
	const begin = Math.floor((element - run.first) / row) * row;
	const count = Math.min(run.elementCount - begin, Math.max(1, Math.floor(most / row)) * row);
	const dtypes = [...tensor.values.inputs, tensor.values.soup];
	const read = await Promise.all(
		dtypes.map((dtype, operand) => valuesOf(sources, tensor, { run, operand, dtype, begin, count })),
	);
	return {
		tensor,
		first: run.first + begin,
		count,
		inputs: read.slice(0, -1),
		stored: read.at(-1) ?? new Float64Array(),
	};
}

interface Piece {
	readonly run: Run;
	readonly operand: number;
	readonly dtype: FloatDtype;
	/** First element within the run. */
	readonly begin: number;
	readonly count: number;
}

/** Elements of one operand in the order of the tensor, wherever its source lies. */
async function valuesOf(
	sources: readonly PassSource[],
	tensor: AlignedFloatTensor,
	{ run, operand, dtype, begin, count }: Piece,
): Promise<Float64Array> {
	const place = run.operands[operand];
	const source = place && sources[place.source];
	if (place === undefined || source === undefined) throw new Error(`Operand ${operand} has no source`);
	const traits = {
		operandByteLengths: [...tensor.values.inputs, tensor.values.soup].map(floatByteLength),
		...(tensor.matrix && { matrix: tensor.matrix }),
	};
	const elements = { first: begin, count };
	const pieces = new Map<number, Uint8Array>();
	for (const { position, byteLength } of operandRuns(traits, operand, place.position, elements)) {
		pieces.set(position, await readPiece(source, position, byteLength));
	}
	const bytes = new Uint8Array(count * floatByteLength(dtype));
	readOperand(
		(target, position) => target.set(pieces.get(position) ?? []),
		bytes,
		traits,
		operand,
		place.position,
		elements,
	);
	const view = new DataView(bytes.buffer);
	return Float64Array.from({ length: count }, (_, index) => decodeFloat(dtype, view, index));
}

async function readPiece(source: PassSource, position: number, byteLength: number): Promise<Uint8Array> {
	if ("bytes" in source) return source.bytes.subarray(position, position + byteLength);
	const bytes = new Uint8Array(byteLength);
	if ("remote" in source) await source.remote.read(position, bytes);
	else readFully(source.descriptor, bytes, position, source.name);
	return bytes;
}
