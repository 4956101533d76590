import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { NamedShape } from "../architectures/shapes.ts";
import type { ClipSoupError } from "../errors.ts";
import type { Shape } from "../tensor/shape.ts";
import { type Tower, towerOf } from "./canonical.ts";
import type { CarriedFact } from "./carried.ts";
import type { Target, TargetFolder } from "./index.ts";
import type { TowerTable } from "./layout.ts";
import type { Exclusion, Rule } from "./rule.ts";
import { storedParts } from "./stored-forms.ts";
import type { Values } from "./template.ts";
import { familyFault, refusalFault } from "./write-faults.ts";

/** Where a written tensor's bytes come from. */
export type WrittenSource =
	| {
			readonly kind: "canonical";
			readonly name: string;
			/** Rows `[begin, end)` of the canonical tensor; all of it if not given. */
			readonly rows?: readonly [begin: number, end: number];
			readonly isTransposed: boolean;
	  }
	/** Nothing but 0, in the dtype of a canonical tensor. */
	| { readonly kind: "zeros"; readonly dtypeOf: string };

/** A tensor to write. */
export interface WrittenTensor {
	readonly name: string;
	readonly shape: Shape;
	readonly source: WrittenSource;
}

/** A folder to write. */
export interface WrittenFolder {
	readonly folder: TargetFolder;
	readonly tensors: readonly WrittenTensor[];
	/** What its tensors and configuration leave open, and is so: goes into the header's metadata. */
	readonly facts: readonly CarriedFact[];
}

/** What to write of a model's canonical tensors, and what becomes of those that have no place. */
export interface Writing {
	readonly folders: readonly WrittenFolder[];
	/** Canonical names that go into the header's metadata: see `carriedEntry`. */
	readonly carried: readonly string[];
	/** Canonical names of towers that the target does not hold. */
	readonly left: readonly string[];
	/** Canonical names that would be refused or carried if they were not among `drop`. */
	readonly dropped: readonly string[];
	/** Towers and tensors that the target cannot hold, each with the reason. */
	readonly faults: readonly ClipSoupError[];
}

/** A stored tensor and the table that names it. */
interface TabledTensor {
	readonly table: TowerTable;
	readonly tensor: WrittenTensor;
}

/** What a target makes of a canonical tensor. */
type Placement =
	| { readonly kind: "stored"; readonly folder: TargetFolder; readonly stored: readonly TabledTensor[] }
	| { readonly kind: Exclusion["fate"]; readonly reason: string }
	| { readonly kind: "left" };

/**
 * Plans what `target` stores of canonical `tensors`, which must fit `architecture`.
 *
 * `drop` names canonical tensors that may be left out although the target's model would need them.
 */
export function planWriting(
	target: Target,
	architecture: PartialArchitecture,
	tensors: readonly NamedShape[],
	drop: ReadonlySet<string> = new Set(),
): Writing {
	const placed = tensors.map((tensor) => ({ name: tensor.name, ...placementOf(target, architecture, tensor) }));
	const namesOf = (kind: Placement["kind"]) => placed.filter((one) => one.kind === kind).map(({ name }) => name);
	return {
		folders: target.folders.map((folder) => {
			const stored = placed.flatMap((one) => (one.kind === "stored" && one.folder === folder ? one.stored : []));
			return { folder, tensors: withZeros(stored), facts: stored.flatMap(factsTold) };
		}),
		carried: namesOf("carried").filter((name) => !drop.has(name)),
		left: namesOf("left"),
		dropped: [...namesOf("refused"), ...namesOf("carried")].filter((name) => drop.has(name)),
		faults: [
			...target.folders.flatMap((folder) => towerFaults(folder, target, architecture)),
			...placed.flatMap((one) =>
				one.kind === "refused" && !drop.has(one.name) ? [refusalFault(one.name, one.reason, target)] : [],
			),
		],
	};
}

function placementOf(target: Target, architecture: PartialArchitecture, tensor: NamedShape): Placement {
	for (const folder of target.folders) {
		const table = tableFor(folder, towerOf(tensor.name), architecture);
		if (table === undefined) continue;
		for (const rule of table.rules) {
			const values = rule.canonical.match(tensor.name);
			if (values === undefined) continue;
			return {
				kind: "stored",
				folder,
				stored: storedTensors(tensor, rule, values).map((one) => ({ table, tensor: one })),
			};
		}
		const exclusion = table.exclusions.find(({ canonical }) => canonical.fits(tensor.name));
		if (exclusion !== undefined) return { kind: exclusion.fate, reason: exclusion.reason };
	}
	return { kind: "left" };
}

/** The table in which a folder writes a tower; undefined if it has none for the architecture. */
function tableFor(
	{ layout, towers }: TargetFolder,
	tower: Tower,
	architecture: PartialArchitecture,
): TowerTable | undefined {
	if (!towers.has(tower)) return undefined;
	return layout.tables.find((table) => table.tower === tower && table.writes(architecture));
}

/** The stored tensors of a canonical one: itself in another shape, or its rows in equal parts. */
function storedTensors(tensor: NamedShape, rule: Rule, values: Values): readonly WrittenTensor[] {
	const { name } = tensor;
	const isTransposed = rule.change === "transposed";
	const parts = storedParts(tensor, rule, values);
	if (parts === undefined) throw new Error(`"${name}" has not the shape that its architecture gives it`);
	return parts.map((part, index): WrittenTensor => {
		const rows = Number(part.shape[0]);
		const range = parts.length > 1 && { rows: [index * rows, (index + 1) * rows] as const };
		return { ...part, source: { kind: "canonical", name, ...range, isTransposed } };
	});
}

/** What a stored bias says that could be one of zeros. */
function factsTold({ table, tensor }: TabledTensor): readonly CarriedFact[] {
	return table.zeros.flatMap(({ name, fact }) => (name === tensor.name && fact !== undefined ? [fact] : []));
}

/** The tensors as they are written: after a matrix, the zero bias that belongs to it if none is stored. */
function withZeros(stored: readonly TabledTensor[]): readonly WrittenTensor[] {
	const names = new Set(stored.map(({ tensor }) => tensor.name));
	return stored.flatMap(({ table, tensor }) => [
		tensor,
		...table.zeros
			.filter(({ name, weight }) => weight === tensor.name && !names.has(name))
			.map(({ name }) => zeroBias(name, tensor)),
	]);
}

function zeroBias(name: string, { shape, source }: WrittenTensor): WrittenTensor {
	const dtypeOf = source.kind === "zeros" ? source.dtypeOf : source.name;
	return { name, shape: shape.slice(0, 1), source: { kind: "zeros", dtypeOf } };
}

/** A fault for each tower that a folder should hold and has no table for. */
function towerFaults(
	folder: TargetFolder,
	target: Target,
	architecture: PartialArchitecture,
): readonly ClipSoupError[] {
	return [...folder.towers]
		.filter((tower) => tableFor(folder, tower, architecture) === undefined)
		.map(() => familyFault(target, architecture.vision));
}
