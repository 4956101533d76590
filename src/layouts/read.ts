import { type ClipSoupError, isClipSoupError } from "../errors.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { type Assembly, assemble, type CanonicalTensor, type StoredName, type StoredPart } from "./assemble.ts";
import type { Tower } from "./canonical.ts";
import { classify, type Fate, type Place, type ReadingOptions } from "./classify.ts";
import { type Recognition, recogniseLayout } from "./detect.ts";
import { unknownLayoutFault, zeroShapeFaults } from "./read-faults.ts";

/** A folder or file to read, by its headers. */
export interface StoredFolder {
	/** As messages call it: a path. */
	readonly label: string;
	readonly tensors: readonly TensorInfo[];
	/** The towers to take from it; all of them if not given. */
	readonly towers?: ReadonlySet<Tower>;
	/** What it was recognised as, undefined for nothing; if not given, it is recognised by its names. */
	readonly recognition?: Recognition | undefined;
}

/** How the folders' tensors make up canonical ones. */
export interface Reading {
	/** What each folder was recognised as, in their order; undefined if as nothing. */
	readonly recognitions: readonly (Recognition | undefined)[];
	/** In the order in which the first part of each was found. */
	readonly tensors: readonly CanonicalTensor[];
	/** Biases that OpenCLIP has not: every element must be 0, else `trainedBiasFault`. */
	readonly zeros: readonly StoredName[];
	/** Buffers that mean nothing, and towers that are not to be taken from their folder. */
	readonly ignored: readonly StoredName[];
	/** Those of `drop` that were found. */
	readonly dropped: readonly StoredName[];
	/** Unknown layouts and tensors, parts that are missing or do not fit. */
	readonly faults: readonly ClipSoupError[];
}

/**
 * Finds for every canonical tensor the stored tensors it is made of, and for every other stored tensor what it is.
 *
 * Whether the canonical tensors are those of an architecture is for `canonicalFaults` to say.
 */
export function readLayouts(folders: readonly StoredFolder[], options: ReadingOptions = {}): Reading {
	const recognitions = folders.map((folder) =>
		"recognition" in folder ? folder.recognition : recogniseLayout(folder.tensors.map(({ name }) => name)),
	);
	const fates = folders.flatMap((folder, index) => fatesOf(folder, index, recognitions[index], options));
	const assembled = [...assembliesOf(fates)].map(([name, assembly]) => assemble(name, assembly));
	const ofKind = (kind: Fate["kind"]): readonly StoredName[] =>
		fates.filter(({ fate }) => fate.kind === kind).map(({ part: { folder, name } }) => ({ folder, name }));
	return {
		recognitions,
		tensors: assembled.flatMap((one) => (isClipSoupError(one) ? [] : [one])),
		zeros: ofKind("zero"),
		ignored: ofKind("ignored"),
		dropped: ofKind("dropped"),
		faults: [
			...folders.flatMap((folder, index) => folderFaults(folder, recognitions[index])),
			...fates.flatMap(({ fate }) => (fate.kind === "stranger" ? [fate.fault] : [])),
			...assembled.filter(isClipSoupError),
		],
	};
}

interface Classified {
	readonly part: StoredPart;
	readonly fate: Fate;
}

function fatesOf(
	{ tensors, towers }: StoredFolder,
	folder: number,
	recognition: Recognition | undefined,
	options: ReadingOptions,
): readonly Classified[] {
	if (recognition === undefined) return [];
	return tensors.map((tensor) => ({
		part: { ...tensor, folder },
		fate: classify(tensor.name, recognition, towers, options),
	}));
}

function assembliesOf(fates: readonly Classified[]): ReadonlyMap<string, Assembly> {
	const assemblies = new Map<string, Assembly>();
	for (const { part, fate } of fates) if (fate.kind === "part") addPart(assemblies, part, fate);
	return assemblies;
}

function addPart(assemblies: Map<string, Assembly>, part: StoredPart, { rule, values, index }: Place): void {
	const name = rule.canonical.fill(values);
	const assembly = assemblies.get(name);
	if (assembly === undefined) {
		assemblies.set(name, { rule, values, parts: new Map([[index, part]]), duplicates: [] });
	} else if (assembly.rule === rule && !assembly.parts.has(index)) {
		assembly.parts.set(index, part);
	} else {
		assembly.duplicates.push(part);
	}
}

function folderFaults(
	{ label, tensors }: StoredFolder,
	recognition: Recognition | undefined,
): readonly ClipSoupError[] {
	return recognition === undefined ? [unknownLayoutFault(label, tensors)] : zeroShapeFaults(recognition, tensors);
}
