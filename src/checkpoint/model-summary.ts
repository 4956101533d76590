import { isDeepStrictEqual } from "node:util";
import type { PartialArchitecture } from "../architectures/architecture.ts";
import { describeArchitecture } from "../architectures/describe.ts";
import { requirePreset } from "../architectures/index.ts";
import { type Profile, profileArchitecture } from "../architectures/profile.ts";
import { type ClipSoupError, faultsIn, isClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import { TOWERS, type Tower } from "../layouts/canonical.ts";
import { canonicalFaults } from "../layouts/canonical-faults.ts";
import { missingFacts, partialArchitecture } from "../layouts/combine-facts.ts";
import { presetFacts } from "../layouts/known-facts.ts";
import { storedForms } from "../layouts/stored-forms.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type ClipModel, fittingPresets, type ModelOptions, partOf, readModel, towersIn } from "./model.ts";

/** What is known of a model, and where each fact comes from. */
export interface ModelSummary {
	/** The architecture in words, or that of the one tower there is; undefined while facts are missing. */
	readonly description: string | undefined;
	readonly architecture: PartialArchitecture | undefined;
	/** What the checkpoint holds tensors of; `joint` is the temperature. */
	readonly towers: readonly Tower[];
	/** For each folder its layout, and what speaks for and against it. */
	readonly layouts: readonly { readonly path: string; readonly layout: string; readonly evidence: readonly string[] }[];
	/** By path, such as `vision.heads`: the value, and the names of the sources that tell it. */
	readonly facts: Readonly<Record<string, { readonly value: unknown; readonly from: readonly string[] }>>;
	/** Paths of what nobody tells of the towers that there are. */
	readonly missing: readonly string[];
	/** Parameters, multiply-accumulates and activations, if they were asked for. */
	readonly profile: Profile | undefined;
}

/**
 * Tells what is known of the model in checkpoints; undefined, with the reason as a notice, if they hold no CLIP.
 *
 * @throws {ClipSoupError} ERR_USAGE if a profile was asked for and facts are missing
 */
export async function summariseModel(
	path: string,
	checkpoints: readonly Checkpoint[],
	options: ModelOptions & { readonly profile?: boolean | undefined },
	hub: Hub,
): Promise<{ readonly model: ModelSummary | undefined; readonly notices: readonly string[] }> {
	const read = await readModel(path, checkpoints, options, hub).catch((error: unknown) => {
		// Asked for nothing but what the file is, so that a file of something else is no fault.
		if (options.profile || !isClipSoupError(error)) throw error;
		return faultsIn(error);
	});
	if ("length" in read) return { model: undefined, notices: reasons("no model is recognised", read) };
	const { knowledge, reading, tensors, carried, notices } = read;
	const held = towersIn([...tensors, ...carried]);
	const architecture = partialArchitecture(knowledge, held);
	const counted = options.profile ? profileOf(read, held, architecture) : undefined;
	return {
		model: {
			description: architecture && describeArchitecture(architecture),
			architecture,
			towers: TOWERS.filter((tower) => held.has(tower)),
			layouts: layoutsOf(checkpoints, reading),
			facts: Object.fromEntries(knowledge.facts),
			missing: missingFacts(knowledge, held),
			profile: counted?.profile,
		},
		notices: [
			...notices,
			...(counted?.notices ?? []),
			...reasons("not the whole model, or not this one", tensorFaults(read, architecture, held)),
		],
	};
}

/**
 * The profile of the architecture. Tensors alone do not tell all of it, such as heads: then it is that of the presets which
 * they fit, if these have the same one.
 *
 * @throws {ClipSoupError} ERR_USAGE naming what is missing
 */
function profileOf(
	model: ClipModel,
	held: ReadonlySet<Tower>,
	architecture: PartialArchitecture | undefined,
): { readonly profile: Profile; readonly notices: readonly string[] } {
	if (architecture !== undefined) return { profile: profileArchitecture(architecture), notices: [] };
	const names = fittingPresets(model.tensors);
	const [profile, ...others] = names.map((name) => {
		const told = presetFacts(requirePreset(name)).flatMap(({ facts }) => [...facts]);
		const facts = told.map(([path, value]) => [path, { value, from: [name] }] as const);
		const completed = partialArchitecture({ facts: new Map([...facts, ...model.knowledge.facts]) }, held);
		return completed && profileArchitecture(completed);
	});
	if (profile === undefined || others.some((other) => !isDeepStrictEqual(other, profile))) {
		return { profile: profileArchitecture(partOf(model, held)), notices: [] };
	}
	const missing = missingFacts(model.knowledge, held).filter((path) => !path.startsWith("preprocess."));
	return {
		profile,
		notices: [`the profile is that of ${names.join(", ")}: tensors alone do not tell ${missing.join(", ")}`],
	};
}

/** How the towers that are there differ from those of the architecture, in the names of their files. */
function tensorFaults(
	{ tensors, reading }: ClipModel,
	architecture: PartialArchitecture | undefined,
	held: ReadonlySet<Tower>,
): readonly ClipSoupError[] {
	if (architecture === undefined) return [];
	const towers = new Set([...held].filter((tower) => tower !== "joint"));
	return canonicalFaults(architecture, tensors, towers, { stored: storedForms(reading.recognitions) });
}

const MOST_REASONS = 10;

function reasons(what: string, faults: readonly ClipSoupError[]): string[] {
	const shown = faults.slice(0, MOST_REASONS).map(({ message }) => `${what}: ${message}`);
	return faults.length > MOST_REASONS ? [...shown, `${what}: … and ${faults.length - MOST_REASONS} more`] : shown;
}

function layoutsOf(
	checkpoints: readonly Checkpoint[],
	{ recognitions }: ClipModel["reading"],
): ModelSummary["layouts"] {
	return checkpoints.map(({ path }, index) => {
		const recognition = recognitions[index];
		const [best] = recognition?.evidence ?? [];
		return {
			path,
			layout: recognition?.layout.id ?? "unknown",
			evidence: [best?.for, best?.buffers, best?.against].filter((text) => text !== undefined),
		};
	});
}
