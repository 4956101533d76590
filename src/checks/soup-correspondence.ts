import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type ClipModel, storedOf } from "../checkpoint/model.ts";
import type { ZeroTensor } from "../engine/canonical-plan.ts";
import { type LocatedTensor, locateCanonical } from "../engine/canonical-tensors.ts";
import { haveOneForm } from "../engine/mixed-average.ts";
import { sourceNumbers, sourcesOf } from "../engine/plan.ts";
import type { PassSource } from "../engine/protocol.ts";
import type { StoredName } from "../layouts/assemble.ts";
import { carriedTensors } from "../layouts/carried.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { elementCount } from "../tensor/shape.ts";
import type { Subject } from "./subject.ts";

/** A stored tensor that a tensor of the soup is made of. */
export interface StoredPiece {
	readonly name: string;
	/** Base name of its file; undefined if the metadata carry it. */
	readonly file: string | undefined;
}

/** A tensor of one of the models, under the name that it has in all of them. */
export interface NamedTensor extends LocatedTensor {
	/** One for each part of the operand. */
	readonly pieces: readonly StoredPiece[];
}

/** A soup and its ingredients under common names, and where their bytes lie. */
export interface CommonNames {
	/** Whether the names are those of the files; otherwise they are canonical. */
	readonly areStored: boolean;
	/** The soup, then the ingredients: tensors by name. */
	readonly models: readonly ReadonlyMap<string, NamedTensor>[];
	readonly sources: readonly PassSource[];
	/** Stored biases that have to be 0; `input` is 0 for the soup, and counts the ingredients from 1. */
	readonly zeros: readonly ZeroTensor[];
}

/**
 * Finds names that a soup and its ingredients have in common: their own, or those of canonical tensors where layouts differ.
 *
 * @returns undefined if layouts differ and not all are CLIPs that can be read
 */
export function commonNames(subjects: readonly Subject[]): CommonNames | undefined {
	if (
		haveOneForm(
			subjects.map(({ checkpoints }) => checkpoints),
			{},
		)
	)
		return storedNames(subjects);
	const models = subjects.flatMap(({ model }) => model ?? []);
	return models.length === subjects.length ? canonicalNames(models) : undefined;
}

function storedNames(subjects: readonly Subject[]): CommonNames {
	const checkpoints = subjects.flatMap((subject) => subject.checkpoints);
	const sources: PassSource[] = sourcesOf(checkpoints);
	const sourceOf = sourceNumbers(checkpoints);
	const models = checkpoints.map((checkpoint, number) => {
		const tensors = new Map<string, NamedTensor>();
		for (const info of checkpoint.tensors.values()) {
			const { name, dtype, shape, position, byteLength } = info;
			const count = isFloatDtype(dtype) ? elementCount(shape) : byteLength;
			const part = { source: sourceOf(number, info.file), position, elementCount: count };
			const pieces = [{ name, file: checkpoint.files[info.file]?.name }];
			tensors.set(name, { info, operand: { dtype, isTransposed: false, parts: [part] }, pieces });
		}
		addCarried(tensors, checkpoint, sources);
		return tensors;
	});
	return { areStored: true, models, sources, zeros: [] };
}

function addCarried(tensors: Map<string, NamedTensor>, { path, metadata }: Checkpoint, sources: PassSource[]): void {
	for (const info of carriedTensors(metadata)) {
		const { name, dtype, shape, bytes } = info;
		const source = sources.push({ name: `${path} (${name})`, bytes }) - 1;
		const part = { source, position: 0, elementCount: isFloatDtype(dtype) ? elementCount(shape) : bytes.length };
		const operand = { dtype, isTransposed: false, parts: [part] };
		if (!tensors.has(name)) tensors.set(name, { info, operand, pieces: [{ name, file: undefined }] });
	}
}

function canonicalNames(models: readonly ClipModel[]): CommonNames {
	const { located, sources, zeros } = locateCanonical(models);
	const named = models.map((model, number) => {
		const canonical = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
		return new Map(
			[...(located[number] ?? [])].map(([name, { info, operand }]) => {
				const stored = canonical.get(name)?.sources;
				const pieces = stored?.map((one) => pieceOf(model, one)) ?? [{ name, file: undefined }];
				return [name, { info, operand, pieces }];
			}),
		);
	});
	return { areStored: false, models: named, sources, zeros };
}

function pieceOf(model: ClipModel, stored: StoredName): StoredPiece {
	const file = storedOf(model, stored)?.file ?? 0;
	return { name: stored.name, file: model.checkpoints[stored.folder]?.files[file]?.name };
}
