import type { ClipSoupError } from "../errors.ts";
import type { Tower } from "./canonical.ts";
import type { Recognition } from "./detect.ts";
import type { TowerTable } from "./layout.ts";
import { strangerFault, unwrappedFault } from "./read-faults.ts";
import type { Rule } from "./rule.ts";
import type { Values } from "./template.ts";

/** What is known beforehand of the tensors to be read. */
export interface ReadingOptions {
	/** Canonical names that the architecture has, if it is known: they decide where a stored name fits two. */
	readonly expected?: ReadonlySet<string>;
	/** Stored names to leave out, unless `expected` has them: then it is for each target to say whether it needs them. */
	readonly drop?: ReadonlySet<string>;
}

/** A stored tensor's place in a canonical one. */
export interface Place {
	readonly kind: "part";
	readonly rule: Rule;
	readonly values: Values;
	/** Which of the rule's stored names it has. */
	readonly index: number;
}

/** What becomes of one stored tensor. */
export type Fate =
	| Place
	| { readonly kind: "zero" | "ignored" | "dropped" }
	| { readonly kind: "stranger"; readonly fault: ClipSoupError };

/** What becomes of the tensor `stored` of a folder from which `towers` are taken. */
export function classify(
	stored: string,
	{ layout, tables, buffers, wrapper }: Recognition,
	towers: ReadonlySet<Tower> | undefined,
	{ expected, drop }: ReadingOptions,
): Fate {
	const name = stored.slice(wrapper.length);
	const isUnwanted = drop?.has(stored) || drop?.has(name);
	if (buffers.has(stored)) return { kind: "ignored" };
	if (!stored.startsWith(wrapper)) {
		return drop?.has(stored) ? { kind: "dropped" } : { kind: "stranger", fault: unwrappedFault(stored, wrapper) };
	}
	const places = tables.flatMap((table) => placesIn(table, name));
	const needed = places.find(({ canonical }) => expected?.has(canonical));
	if (isUnwanted && needed === undefined) return { kind: "dropped" };
	const wanted = needed ?? places[0];
	const zeroTable = tables.find(({ zeros }) => zeros.some((zero) => zero.name === name));
	const table = wanted?.table ?? zeroTable;
	if (table === undefined) return { kind: "stranger", fault: strangerFault(stored, name, layout) };
	if (towers !== undefined && !towers.has(table.tower)) return { kind: "ignored" };
	// A bias that OpenCLIP has only in some models is one of those only if the architecture says so.
	const isTaken = wanted !== undefined && (zeroTable === undefined || expected?.has(wanted.canonical) === true);
	return isTaken ? wanted.place : { kind: "zero" };
}

/** The places of a name in a table, most usual first. */
function placesIn(table: TowerTable, name: string) {
	const found: { readonly table: TowerTable; readonly canonical: string; readonly place: Place }[] = [];
	for (const rule of table.rules) {
		for (const [index, one] of rule.stored.entries()) {
			const values = one.match(name);
			if (values !== undefined) {
				found.push({ table, canonical: rule.canonical.fill(values), place: { kind: "part", rule, values, index } });
			}
		}
	}
	return found;
}
