import type { CanonicalOperand, ZeroTensor } from "../engine/canonical-plan.ts";
import { COUNTER_SUFFIX } from "../engine/findings.ts";
import type { OutputMatrix } from "../engine/operation.ts";
import type { PassSource } from "../engine/protocol.ts";
import type { Operand } from "../engine/step-table.ts";
import { DTYPES, type Dtype, type FloatDtype, isFloatDtype } from "../tensor/dtype.ts";
import type { Finding } from "../verification.ts";
import { type CommonNames, commonNames, type NamedTensor } from "./soup-correspondence.ts";
import { mismatchesOf } from "./soup-mismatches.ts";
import type { Subject } from "./subject.ts";

/** Elements of a stored tensor of the soup that lie contiguous in every operand. */
export interface Run {
	/** First element, within the stored tensor. */
	readonly first: number;
	readonly elementCount: number;
	/** The ingredients', in their order, then the soup's. */
	readonly operands: readonly Operand[];
}

/** A stored tensor of the soup beside the same elements of its ingredients. */
export interface AlignedTensor {
	/** Stored name in the soup. */
	readonly name: string;
	/** Base name of the soup's file; undefined if its metadata carry the tensor. */
	readonly file: string | undefined;
	/** What the tensor is, whatever the layout; the stored name where all have one layout. */
	readonly commonName: string;
	readonly elementCount: number;
	/** Numbers, from 0, of the ingredients it is made of. */
	readonly inputs: readonly number[];
	/** If an ingredient stores the matrix the other way round than the soup. */
	readonly matrix: OutputMatrix | undefined;
	readonly runs: readonly Run[];
	readonly values: AlignedFloats | AlignedBytes;
}

export interface AlignedFloats {
	readonly areFloat: true;
	/** Of the ingredients, in the order of `inputs`. */
	readonly inputs: readonly FloatDtype[];
	readonly soup: FloatDtype;
}

export interface AlignedBytes {
	readonly areFloat: false;
	readonly elementByteLength: number;
}

/** A soup laid beside its ingredients by their headers. */
export interface Alignment {
	readonly tensors: readonly AlignedTensor[];
	readonly sources: readonly PassSource[];
	/** Stored biases that have to be 0; `input` is 0 for the soup, and counts the ingredients from 1. */
	readonly zeros: readonly ZeroTensor[];
	/** Names, shapes and dtypes that do not fit. */
	readonly findings: readonly Finding[];
}

/**
 * Lays a soup beside its ingredients, whatever the layouts, shards and orientation of matrices.
 *
 * @param keep tensors taken from one ingredient, by its number from 1; under the soup's names, or canonical ones
 */
export function alignSoup(
	soup: Subject,
	ingredients: readonly Subject[],
	keep: ReadonlyMap<string, number> = new Map(),
): Alignment {
	const subjects = [soup, ...ingredients];
	const names = commonNames(subjects);
	if (names === undefined) return { tensors: [], sources: [], zeros: [], findings: unreadFindings(subjects) };
	const { findings, unfit } = mismatchesOf(names, subjects, (name, tensor) => keptNumber(keep, name, tensor));
	const [own = new Map<string, NamedTensor>(), ...others] = names.models;
	const tensors = [...own].flatMap(([name, tensor]) => {
		if (unfit.has(name)) return [];
		const inputs = inputsOf(name, tensor, { keep, count: others.length });
		const found = inputs.flatMap((number) => others[number]?.get(name) ?? []);
		return found.length === inputs.length ? alignTensor(name, tensor, { inputs, found, names }) : [];
	});
	return { tensors, sources: names.sources, zeros: names.zeros, findings };
}

/** Layouts differ, and one subject is no CLIP that can be read. */
function unreadFindings(subjects: readonly Subject[]): Finding[] {
	return subjects.flatMap(({ name, unread }): Finding[] => {
		if (unread === undefined) return [];
		const reason = unread instanceof Error ? unread.message : String(unread);
		return [
			{
				level: "error",
				message: `"${name}" cannot be laid beside the others, which have another layout: ${reason}`,
				file: name,
			},
		];
	});
}

/** The number, from 1, of the ingredient that a tensor is taken from. */
function keptNumber(
	keep: ReadonlyMap<string, number>,
	name: string,
	{ pieces }: Pick<NamedTensor, "pieces">,
): number | undefined {
	const [first] = pieces.flatMap((piece) => keep.get(piece.name) ?? []);
	return keep.get(name) ?? first;
}

function inputsOf(
	name: string,
	tensor: NamedTensor,
	{ keep, count }: { readonly keep: ReadonlyMap<string, number>; readonly count: number },
): number[] {
	const kept = keptNumber(keep, name, tensor);
	if (kept !== undefined) return [kept - 1];
	const isCounter = name.endsWith(COUNTER_SUFFIX) && !isFloatDtype(tensor.info.dtype);
	return isCounter ? [0] : Array.from({ length: count }, (_, number) => number);
}

interface Ingredients {
	readonly inputs: readonly number[];
	readonly found: readonly NamedTensor[];
	readonly names: CommonNames;
}

/** One for each stored tensor that the soup keeps it in. */
function alignTensor(commonName: string, tensor: NamedTensor, { inputs, found, names }: Ingredients): AlignedTensor[] {
	const operands = [...found, tensor].map(({ operand }) => operand);
	const matrix = matrixOf(tensor, operands);
	const values = valuesOf(tensor.info.dtype, operands, names);
	const byteLengths = operands.map(({ dtype }) =>
		values.areFloat ? DTYPES[dtype].bits / 8 : values.elementByteLength,
	);
	let begin = 0;
	return tensor.pieces.map(({ name, file }, index): AlignedTensor => {
		const first = begin;
		const elementCount = tensor.operand.parts[index]?.elementCount ?? 0;
		const end = first + elementCount;
		begin = end;
		const cuts = cutsOf(operands, first, end);
		const runs = cuts.slice(1).map((cut, number): Run => {
			const from = cuts[number] ?? first;
			return {
				first: from - first,
				elementCount: cut - from,
				operands: operands.map((operand, k) => operandAt(operand, from, byteLengths[k] ?? 0)),
			};
		});
		return { name, file, commonName, elementCount, inputs, matrix, runs, values };
	});
}

/** Dtypes without arithmetic are compared as bytes, which under stored names are also what is counted. */
function valuesOf(
	soup: Dtype,
	operands: readonly CanonicalOperand[],
	{ areStored }: CommonNames,
): AlignedTensor["values"] {
	const dtypes = operands.slice(0, -1).map(({ dtype }) => dtype);
	if (isFloatDtype(soup) && dtypes.every(isFloatDtype)) return { areFloat: true, inputs: dtypes, soup };
	return { areFloat: false, elementByteLength: areStored ? 1 : DTYPES[soup].bits / 8 };
}

/** The soup's matrix if an ingredient stores it the other way round. */
function matrixOf({ info, operand }: NamedTensor, operands: readonly CanonicalOperand[]): OutputMatrix | undefined {
	const transposed = operands.map(({ isTransposed }) => isTransposed !== operand.isTransposed);
	if (!transposed.includes(true)) return undefined;
	const [rows = 1, columns = 1] = info.shape.map(Number);
	return operand.isTransposed ? { rows: columns, columns: rows, transposed } : { rows, columns, transposed };
}

/** Elements of the common tensor at which a part of an operand begins or ends, from `first` to `end`. */
function cutsOf(operands: readonly CanonicalOperand[], first: number, end: number): number[] {
	const cuts = new Set([first, end]);
	for (const { parts } of operands) {
		let cut = 0;
		for (const { elementCount } of parts) {
			cut += elementCount;
			if (first < cut && cut < end) cuts.add(cut);
		}
	}
	return [...cuts].sort((a, b) => a - b);
}

function operandAt({ parts }: CanonicalOperand, element: number, elementByteLength: number): Operand {
	let begin = 0;
	for (const { source, position, elementCount } of parts) {
		if (element < begin + elementCount) {
			return { source, position: position + (element - begin) * elementByteLength };
		}
		begin += elementCount;
	}
	throw new RangeError(`Element ${element} lies past the end of its tensor`);
}
