import { TOWERS, type Tower, towerOf } from "../layouts/canonical.ts";
import { counted } from "../reports/plain-text.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { nearestName } from "../tensor/names.ts";
import { equalShapes, formatShape } from "../tensor/shape.ts";
import type { Finding } from "../verification.ts";
import type { CommonNames, NamedTensor } from "./soup-correspondence.ts";
import type { Subject } from "./subject.ts";

/** Names for which a similar one is looked up: every look-up reads all names of the other side. */
const MOST_SUGGESTIONS = 10;

export interface Mismatches {
	readonly findings: readonly Finding[];
	/** Common names of the soup's tensors that cannot be compared. */
	readonly unfit: ReadonlySet<string>;
}

/**
 * All that the headers tell against a soup: names, shapes and dtypes.
 *
 * @param keptFrom number, from 1, of the one ingredient that a tensor is taken from
 */
export function mismatchesOf(
	{ models, areStored }: CommonNames,
	subjects: readonly Subject[],
	keptFrom: (name: string, tensor: NamedTensor) => number | undefined,
): Mismatches {
	const [soup = new Map<string, NamedTensor>(), ...ingredients] = models;
	const labels = subjects.slice(1).map(({ name }, index) => `ingredient ${index + 1} "${name}"`);
	const strangers = ingredients.flatMap((tensors, index) => strangerFindings(soup, tensors, labels[index] ?? ""));
	if (strangers.length > 0) return { findings: strangers, unfit: new Set(soup.keys()) };
	const missing = areStored ? missingNames(soup, ingredients) : missingCanonical(soup, ingredients);
	const unfit = new Set<string>();
	const extra: Finding[] = [];
	const unlike: Finding[] = [];
	for (const [name, tensor] of soup) {
		const kept = keptFrom(name, tensor);
		for (const [index, tensors] of ingredients.entries()) {
			if (kept !== undefined && kept !== index + 1) continue;
			const other = tensors.get(name);
			const label = labels[index] ?? "";
			if (other === undefined) {
				const candidates = extra.length < MOST_SUGGESTIONS ? namesBeside(tensors, [soup]) : [];
				extra.push(extraFinding(name, tensor, { label, nearest: nearestName(name, candidates) }));
				unfit.add(name);
				continue;
			}
			const faults = unlikeFindings(tensor, other, label);
			if (faults.length > 0) unfit.add(name);
			unlike.push(...faults);
		}
	}
	return { findings: [...missing, ...extra, ...unlike], unfit };
}

/** Share of the soup's tensors below which an ingredient is of another architecture. */
const SAME_MODEL_SHARE = 0.5;

/** Hardly any tensor has its place: one finding says more than a list of all of them. */
function strangerFindings(
	soup: ReadonlyMap<string, NamedTensor>,
	ingredient: ReadonlyMap<string, NamedTensor>,
	label: string,
): Finding[] {
	const common = [...soup].filter(([name, { info }]) => {
		const other = ingredient.get(name);
		return other !== undefined && equalShapes(info.shape, other.info.shape);
	}).length;
	if (soup.size === 0 || common >= soup.size * SAME_MODEL_SHARE) return [];
	const message = `${label} has ${common} of the soup's ${counted(soup.size, "tensor")} by name and shape, expected all`;
	return [{ level: "error", message, cause: "an ingredient of another architecture" }];
}

/** Names that none of the others has: one that is in its own place was not renamed. */
function namesBeside(tensors: ReadonlyMap<string, unknown>, others: readonly ReadonlyMap<string, unknown>[]): string[] {
	return [...tensors.keys()].filter((name) => others.every((other) => !other.has(name)));
}

/** Stored names that the soup should have; a carried one only if all ingredients carry it. */
function missingNames(
	soup: ReadonlyMap<string, NamedTensor>,
	ingredients: readonly ReadonlyMap<string, NamedTensor>[],
): Finding[] {
	const names = new Set(ingredients.flatMap((tensors) => [...tensors.keys()]));
	const missing = [...names].filter((name) => {
		if (soup.has(name)) return false;
		const found = ingredients.flatMap((tensors) => tensors.get(name) ?? []);
		return found.length === ingredients.length || found.some(({ pieces }) => pieces[0]?.file !== undefined);
	});
	const candidates = namesBeside(soup, ingredients);
	return missing.map((name, index) => missingFinding(name, index, candidates));
}

/** Canonical tensors of the first ingredient that the soup should have; of towers that it lacks, one warning each. */
function missingCanonical(
	soup: ReadonlyMap<string, NamedTensor>,
	[first = new Map()]: readonly ReadonlyMap<string, NamedTensor>[],
): Finding[] {
	const towers = new Set([...soup.keys()].map(towerOf));
	const missing = [...first.keys()].filter((name) => !soup.has(name));
	const isLeftOut = (tower: Tower) => (tower === "joint" ? towers.size < 2 : !towers.has(tower));
	const findings = missing
		.filter((name) => !isLeftOut(towerOf(name)))
		.map((name, index) => missingFinding(name, index, namesBeside(soup, [first])));
	const leftOut = TOWERS.filter((tower) => isLeftOut(tower) && missing.some((name) => towerOf(name) === tower));
	return [...findings, ...leftOut.map(leftOutFinding)];
}

function leftOutFinding(tower: Tower): Finding {
	const what = tower === "joint" ? "logit_scale" : `${tower} tower`;
	return { level: "warning", message: `The soup holds no ${what}, which the ingredients have: it is not checked` };
}

function missingFinding(name: string, index: number, candidates: readonly string[]): Finding {
	const nearest = index < MOST_SUGGESTIONS ? nearestName(name, candidates) : undefined;
	return {
		level: "error",
		message: `"${name}" is missing: the ingredients have it, the soup does not`,
		tensor: name,
		...(nearest !== undefined && { cause: `perhaps renamed to "${nearest}"` }),
	};
}

function extraFinding(
	name: string,
	{ pieces }: NamedTensor,
	{ label, nearest }: { readonly label: string; readonly nearest: string | undefined },
): Finding {
	return {
		level: "error",
		message: `"${name}" is extra: the soup has it, ${label} does not`,
		file: pieces[0]?.file,
		tensor: pieces[0]?.name ?? name,
		...(nearest !== undefined && { cause: `the nearest name there is "${nearest}"` }),
	};
}

function unlikeFindings({ info, pieces }: NamedTensor, { info: other }: NamedTensor, label: string): Finding[] {
	const [piece] = pieces;
	const differs = (what: string, found: string, expected: string): Finding => ({
		level: "error",
		message: `"${info.name}" has another ${what}: found ${found}, expected ${expected} as in ${label}`,
		file: piece?.file,
		tensor: piece?.name ?? info.name,
		expected,
		found,
	});
	if (!equalShapes(info.shape, other.shape)) {
		return [differs("shape", formatShape(info.shape), formatShape(other.shape))];
	}
	const areFloat = isFloatDtype(info.dtype) && isFloatDtype(other.dtype);
	return areFloat || info.dtype === other.dtype ? [] : [differs("dtype", info.dtype, other.dtype)];
}
