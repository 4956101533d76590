import { ClipSoupError } from "../errors.ts";
import { equalShapes, formatShape, type Shape } from "../tensor/shape.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import type { Rule } from "./rule.ts";
import { SHAPE_CHANGES } from "./shape-change.ts";
import type { Values } from "./template.ts";

/** A stored tensor and its folder's index. */
export interface StoredName {
	readonly folder: number;
	readonly name: string;
}

/** A tensor under its canonical name, made of stored ones. */
export interface CanonicalTensor extends TensorInfo {
	/** One tensor, or several whose rows follow each other in this order. */
	readonly sources: readonly StoredName[];
	/** Whether the stored matrix is to be transposed; without, its bytes are those of the canonical tensor. */
	readonly isTransposed: boolean;
	/** Shape of each of its sources. */
	readonly storedShape: Shape;
}

/** A stored tensor with what its header says. */
export type StoredPart = StoredName & TensorInfo;

/** The parts found of one canonical tensor. */
export interface Assembly {
	readonly rule: Rule;
	readonly values: Values;
	/** By index into the rule's names; those found twice are in `duplicates`. */
	readonly parts: Map<number, StoredPart>;
	readonly duplicates: StoredPart[];
}

/** The canonical tensor of an assembly, or what stands against it. */
export function assemble(name: string, assembly: Assembly): CanonicalTensor | ClipSoupError {
	const { rule, values, parts, duplicates } = assembly;
	const [duplicate] = duplicates;
	if (duplicate !== undefined) return duplicateFault(name, duplicate);
	const [first, ...others] = rule.stored.map((one, index) => parts.get(index) ?? one.fill(values));
	if (first === undefined || typeof first === "string") return missingFault(name, first ?? name);
	const sources = [first];
	for (const other of others) {
		if (typeof other === "string") return missingFault(name, other);
		if (other.dtype !== first.dtype) return unlikeFault("ERR_DTYPE_MISMATCH", other, first, other.dtype, first.dtype);
		if (!equalShapes(other.shape, first.shape)) {
			return unlikeFault("ERR_SHAPE_MISMATCH", other, first, formatShape(other.shape), formatShape(first.shape));
		}
		sources.push(other);
	}
	const { toCanonical, expected } = SHAPE_CHANGES[rule.change];
	const shape = toCanonical(stacked(first.shape, sources.length));
	if (shape === undefined) return shapeFault(first, expected);
	return {
		name,
		dtype: first.dtype,
		shape,
		sources: sources.map((source) => ({ folder: source.folder, name: source.name })),
		isTransposed: rule.change === "transposed",
		storedShape: first.shape,
	};
}

/** The shape of `count` tensors of one shape on top of each other. */
function stacked(shape: Shape, count: number): Shape {
	const [rows, ...columns] = shape;
	return rows === undefined || count === 1 ? shape : [Number(rows) * count, ...columns];
}

function missingFault(name: string, missing: string): ClipSoupError {
	return new ClipSoupError(
		"ERR_TENSOR_MISSING",
		`Cannot assemble "${name}": found no tensor "${missing}", expected all of its parts`,
		{ fix: "give the whole checkpoint, with all of its shards", details: { name, missing } },
	);
}

function duplicateFault(name: string, { name: stored }: StoredName): ClipSoupError {
	return new ClipSoupError(
		"ERR_LAYOUT_MISMATCH",
		`Cannot read "${name}": found it a second time as "${stored}", expected one tower in one place`,
		{ fix: "give each tower once, and one layout in a folder", details: { name, stored } },
	);
}

function unlikeFault(
	code: "ERR_DTYPE_MISMATCH" | "ERR_SHAPE_MISMATCH",
	{ name }: StoredName,
	like: StoredName,
	found: string,
	expected: string,
): ClipSoupError {
	const message = `Cannot stack "${name}": found ${found}, expected ${expected} as in "${like.name}"`;
	return new ClipSoupError(code, message, {
		fix: "give a checkpoint as its library wrote it",
		details: { name, found, expected },
	});
}

function shapeFault({ name, shape }: StoredPart, expected: string): ClipSoupError {
	const found = formatShape(shape);
	return new ClipSoupError("ERR_SHAPE_MISMATCH", `Cannot read "${name}": found ${found}, expected ${expected}`, {
		fix: "give a checkpoint as its library wrote it",
		details: { name, found, expected },
	});
}
