import type { Architecture } from "../../src/architectures/architecture.ts";
import { ClipSoupError, FaultsError } from "../../src/errors.ts";
import { combineFacts, requireArchitecture } from "../../src/layouts/combine-facts.ts";
import { readOpenClipConfig } from "../../src/layouts/openclip-config.ts";
import type { Preprocess } from "../../src/layouts/preprocess.ts";
import { readJson } from "./systems.ts";

/** A system as its OpenCLIP config describes it. */
export function systemOf(system: string): { readonly architecture: Architecture; readonly preprocess: Preprocess } {
	const knowledge = combineFacts(readOpenClipConfig(readJson(system, "openclip/open_clip_config.json")).sources);
	if (knowledge.preprocess === undefined) throw new Error(`"${system}" has no preprocessing`);
	return { architecture: requireArchitecture(knowledge), preprocess: knowledge.preprocess };
}

/** The faults that `run` throws. */
export function faultsOf(run: () => unknown): readonly ClipSoupError[] {
	try {
		run();
	} catch (error) {
		if (error instanceof FaultsError) return error.faults;
		if (error instanceof ClipSoupError) return [error];
		throw error;
	}
	return [];
}
