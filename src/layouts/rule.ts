import type { ShapeChange } from "./shape-change.ts";
import { type Template, template } from "./template.ts";

/**
 * Where a layout keeps a canonical tensor: under one name with the same bytes (a string), under one or several names
 * with a change, or nowhere.
 */
export type StoredAs = string | Kept | Unkept;

interface Kept {
	/** With several names, their rows stacked in this order make up the canonical tensor. */
	readonly names: readonly string[];
	readonly change: ShapeChange;
}

/**
 * `carried` goes into the header's metadata, since it does not belong to what the layout holds; `refused` would change
 * the function if it were left out.
 */
interface Unkept {
	readonly fate: "carried" | "refused";
	readonly reason: string;
}

/** A canonical matrix [in, out] that is stored as [out, in]. */
export function transposed(name: string): Kept {
	return { names: [name], change: "transposed" };
}

/** A tensor that is stored with leading dimensions of 1. */
export function withLeadingOnes(count: 1 | 2, name: string): Kept {
	return { names: [name], change: count === 1 ? "oneMore" : "twoMore" };
}

/** A temperature that is stored with shape []. */
export function asScalar(name: string): Kept {
	return { names: [name], change: "scalar" };
}

/** A temperature that is stored with shape [1]. */
export function asSingle(name: string): Kept {
	return { names: [name], change: "single" };
}

/** Equal parts of the first axis, in this order. */
export function inRows(...names: readonly string[]): Kept {
	return { names, change: "same" };
}

/** What the layout has no place for, and the way back needs. */
export function carried(reason: string): Unkept {
	return { fate: "carried", reason };
}

/** What the layout has no place for, although its model would need it to compute the same. */
export function refused(reason: string): Unkept {
	return { fate: "refused", reason };
}

/** What a layout makes of each canonical template of a list: none may be missing. */
export type NameTable<Names extends readonly string[] = readonly string[]> = Readonly<Record<Names[number], StoredAs>>;

/** The table that keeps every name of a list, for layouts that add no more than a prefix. */
export function sameNames(names: readonly string[]): NameTable {
	return Object.fromEntries(names.map((name) => [name, name]));
}

/** A row of a table whose tensors are stored. */
export interface Rule {
	readonly canonical: Template;
	readonly stored: readonly Template[];
	readonly change: ShapeChange;
}

/** A row of a table whose tensors are not. */
export interface Exclusion extends Unkept {
	readonly canonical: Template;
}

/** The compiled rows of a table, by what becomes of their tensors. */
export interface Rules {
	readonly rules: readonly Rule[];
	readonly exclusions: readonly Exclusion[];
}

/** What precedes every name of a table, on either side. */
export interface Prefixes {
	readonly canonical?: string;
	readonly stored?: string;
}

/** Compiles tables, each with the prefixes it is used under; rows keep their order. */
export function compileRules(...tables: readonly (readonly [NameTable, Prefixes?])[]): Rules {
	const rows = tables.flatMap(([table, prefixes = {}]) =>
		Object.entries(table).map(([name, storedAs]) => compileRow(name, storedAs, prefixes)),
	);
	return {
		rules: rows.filter((row) => "stored" in row),
		exclusions: rows.filter((row) => "fate" in row),
	};
}

function compileRow(name: string, storedAs: StoredAs, prefixes: Prefixes): Rule | Exclusion {
	const canonical = template(`${prefixes.canonical ?? ""}${name}`);
	const place = typeof storedAs === "string" ? inRows(storedAs) : storedAs;
	if ("fate" in place) return { canonical, ...place };
	return {
		canonical,
		stored: place.names.map((one) => template(`${prefixes.stored ?? ""}${one}`)),
		change: place.change,
	};
}
