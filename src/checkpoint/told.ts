import type { PartialArchitecture } from "../architectures/architecture.ts";
import { requirePreset } from "../architectures/index.ts";
import { isClipSoupError } from "../errors.ts";
import type { Hub } from "../hub/hub.ts";
import type { Tower } from "../layouts/canonical.ts";
import { combineFacts, partialArchitecture, requireTowers } from "../layouts/combine-facts.ts";
import { assumedBy, type FactSource } from "../layouts/facts.ts";
import { presetFacts, USUAL_FORMS } from "../layouts/known-facts.ts";
import { type ConfigFacts, readNamedConfig } from "./configs.ts";

/** How a user tells an architecture. */
export interface ToldOptions {
	/** Name of a preset. */
	readonly arch?: string | undefined;
	/** Configuration files of OpenCLIP, timm or transformers, on this machine or as `hf:org/name:FILE`. */
	readonly archConfig?: string | readonly string[] | undefined;
}

/** What the user says of the architecture, by configuration files or the name of a preset. */
export async function toldByUser({ archConfig, arch }: ToldOptions, hub: Hub): Promise<ConfigFacts> {
	const paths = typeof archConfig === "string" ? [archConfig] : (archConfig ?? []);
	const named: ConfigFacts[] = [];
	for (const path of paths) named.push(await readNamedConfig(path, hub));
	return {
		sources: [...named.flatMap(({ sources }) => sources), ...presetSources(arch)],
		modelConfig: named.find(({ modelConfig }) => modelConfig !== undefined)?.modelConfig,
		notices: named.flatMap(({ notices }) => notices),
	};
}

function presetSources(name: string | undefined): readonly FactSource[] {
	if (name === undefined) return [];
	return presetFacts(requirePreset(name));
}

/**
 * The architecture that a user tells, in the towers of which anything is told.
 *
 * @throws {ClipSoupError} ERR_USAGE naming what is missing; ERR_ARCHITECTURE_MISMATCH for contradictions
 */
export async function architectureToldByUser(options: ToldOptions, hub: Hub): Promise<PartialArchitecture> {
	const { sources } = await toldByUser(options, hub);
	const knowledge = combineFacts([...sources, USUAL_FORMS, NO_HEAD_BIAS]);
	const image = sources.some(({ facts }) => facts.has("vision.family"));
	const text = sources.some(({ facts }) => facts.has("text.width"));
	// What tells of neither tower is missing both.
	const towers: readonly Tower[] = image === text ? ["image", "text", "joint"] : [image ? "image" : "text"];
	return requireTowers(knowledge, new Set(towers));
}

/** What no configuration but OpenCLIP's tells of a ConvNeXt, and is so of nearly all. */
const NO_HEAD_BIAS = assumedBy("OpenCLIP's default", { vision: { headBias: false } });

/** What is told without a look at the tensors; nothing if it is contradictory, which is for `knowledgeOf` to say. */
export function toldArchitecture(
	told: readonly FactSource[],
	towers: ReadonlySet<Tower>,
): PartialArchitecture | undefined {
	try {
		const knowledge = combineFacts([...told, USUAL_FORMS, NO_HEAD_BIAS]);
		return knowledge.architecture ?? partialArchitecture(knowledge, towers);
	} catch (error) {
		if (isClipSoupError(error)) return undefined;
		throw error;
	}
}
