import { isDeepStrictEqual } from "node:util";
import { type Architecture, modelConfigOf, parseArchitecture } from "../architectures/architecture.ts";
import { storedOf } from "../checkpoint/model.ts";
import type { Census } from "../engine/census.ts";
import { joinStatistics, type ValueStatistics } from "../engine/census-statistics.ts";
import { weightFileLabel } from "../engine/census-tensors.ts";
import type { StoredName } from "../layouts/assemble.ts";
import type { Lock, LockTensor } from "../lock/schema.ts";
import type { DigestedTensor } from "../tensor/model-digest.ts";
import type { Finding } from "../verification.ts";
import type { Subject } from "./subject.ts";

/** A tensor of the lock, its statistics known or not. */
export type LockedTensor = Omit<LockTensor, "stats"> & Pick<Partial<LockTensor>, "stats">;

/** A tensor of the subject under the name that the lock has for it. */
export interface FoundTensor extends DigestedTensor {
	/** The stored tensors it is made of; none if metadata carries it. */
	readonly sources: readonly StoredName[];
	/** Weight file of the first of them. */
	readonly file: string | undefined;
	readonly isTransposed: boolean;
	readonly values: ValueStatistics | undefined;
}

/** A tensor that both have. */
export interface ComparedTensor {
	readonly locked: LockedTensor;
	readonly found: FoundTensor;
}

/** The tensors of a subject beside those of a lock. */
export interface LockComparison {
	/** `canonical`: names of OpenCLIP, whatever the layout; `stored`: names in the files. */
	readonly names: "canonical" | "stored";
	readonly common: readonly ComparedTensor[];
	readonly missing: readonly LockedTensor[];
	readonly extra: readonly FoundTensor[];
	/** Whether the architectures are known and not the same. */
	readonly isOtherArchitecture: boolean;
}

/**
 * Puts tensors side by side: canonical ones if the lock has them and the subject is a CLIP.
 *
 * A subject that is damaged so that it cannot be read as a CLIP still has its stored names, which are compared with
 * those that the lock's own files had.
 */
export function compareWithLock(subject: Subject, census: Census, lock: Lock): LockComparison {
	const isCanonical = lock.canonicalDigest !== undefined && census.canonical !== undefined;
	const found = isCanonical ? canonicalTensors(subject, census) : storedTensors(census);
	const locked: readonly LockedTensor[] = isCanonical ? lock.tensors : (lock.stored ?? lock.tensors);
	const foundByName = new Map(found.map((tensor) => [tensor.name, tensor]));
	const lockedNames = new Set(locked.map(({ name }) => name));
	return {
		names: isCanonical ? "canonical" : "stored",
		common: locked.flatMap((tensor) => {
			const twin = foundByName.get(tensor.name);
			return twin === undefined ? [] : [{ locked: tensor, found: twin }];
		}),
		missing: locked.filter(({ name }) => !foundByName.has(name)),
		extra: found.filter(({ name }) => !lockedNames.has(name)),
		isOtherArchitecture: isOtherArchitecture(subject, lock),
	};
}

/** The hex digits of a locked digest. */
export function hexOf({ sha256 }: Pick<LockedTensor, "sha256">): string {
	return sha256.replace("sha256:", "");
}

/** Where a finding about a tensor is. */
export function placeOf({ name, file, sources: [stored] }: FoundTensor): Pick<Finding, "file" | "tensor"> {
	return { file, tensor: stored?.name ?? name };
}

/** `openclip`, or the layouts of several folders with + between them; undefined if none is known. */
export function layoutOf({ checkpoints }: Pick<Subject, "checkpoints">): string | undefined {
	const layouts = checkpoints.flatMap(({ layout }) => layout ?? []);
	return layouts.length === 0 ? undefined : layouts.join("+");
}

function isOtherArchitecture({ model }: Subject, lock: Lock): boolean {
	const found = model?.knowledge.architecture;
	if (found === undefined || lock.model.architecture === undefined) return false;
	const expected = parseArchitecture(lock.model.architecture);
	return !isDeepStrictEqual(asOneForm(found), asOneForm(expected));
}

/** Without what differs between the layouts of one model. */
function asOneForm(architecture: Architecture): unknown {
	return modelConfigOf({ ...architecture, customText: false, nonscalarLogitScale: false });
}

function canonicalTensors({ model, checkpoints }: Subject, { canonical = [] }: Census): readonly FoundTensor[] {
	return canonical.map((tensor) => {
		const [first] = tensor.sources;
		const stored = model && first && storedOf(model, first);
		const file = first && stored && weightFileLabel(checkpoints, first.folder, stored.file);
		return { ...tensor, file };
	});
}

function storedTensors({ tensors }: Census): readonly FoundTensor[] {
	return tensors.map((tensor) => ({
		...tensor,
		sources: [tensor],
		isTransposed: false,
		values: tensor.statistics && joinStatistics([tensor.statistics]),
	}));
}
