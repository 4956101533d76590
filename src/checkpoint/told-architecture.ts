import type { PartialArchitecture } from "../architectures/architecture.ts";
import type { Hub } from "../hub/hub.ts";
import { combineFacts, partialArchitecture, requireArchitecture } from "../layouts/combine-facts.ts";
import { USUAL_FORMS } from "../layouts/known-facts.ts";
import { type ModelOptions, toldByUser } from "./model.ts";

/**
 * The architecture that a preset or a configuration file tells without a checkpoint: of the whole model, or of one tower.
 *
 * @throws {ClipSoupError} ERR_USAGE if it does not tell all of a tower, ERR_CONFIG_INVALID, ERR_ARCHITECTURE_MISMATCH
 */
export async function toldArchitecture(options: ModelOptions, hub: Hub): Promise<PartialArchitecture> {
	const { sources } = await toldByUser(options, hub);
	const knowledge = combineFacts([...sources, USUAL_FORMS]);
	const towers = (["image", "text"] as const).map((tower) => partialArchitecture(knowledge, new Set([tower])));
	const [alone] = towers.filter((tower) => tower !== undefined);
	return knowledge.architecture ?? alone ?? requireArchitecture(knowledge, []);
}
