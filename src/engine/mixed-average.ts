import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type ClipModel, towersIn } from "../checkpoint/model.ts";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { TARGETS, type TargetId } from "../layouts/index.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import type { OutputTarget } from "../output/target.ts";
import { isFloatDtype } from "../tensor/dtype.ts";
import { type AverageChoices, type AverageProduct, keptInputs, noticesOn } from "./average-product.ts";
import { canonicalCompanions } from "./canonical-companions.ts";
import { type PlacedTarget, planCanonicalProduct, recipeSource } from "./canonical-product.ts";
import { chooseTargets } from "./choose-targets.ts";
import { soupRecipe } from "./provenance.ts";
import { refuseShards } from "./shards.ts";

/** Whether the inputs' tensors can be averaged under the names they have, whatever names these are. */
export function haveOneForm(groups: readonly (readonly Checkpoint[])[], { to }: Pick<AverageChoices, "to">): boolean {
	if (groups.some((group) => group.length > 1)) return false;
	const inputs = groups.flat();
	if (inputs.some(({ recognition }) => recognition === undefined)) return to === undefined;
	return to === undefined && new Set(inputs.map(formOf)).size <= 1;
}

/** What has to be alike for names to be alike: the layout, its tables of the towers, and a prefix of all names. */
function formOf({ recognition }: Checkpoint): string {
	const { layout, tables = [], wrapper } = recognition ?? {};
	return JSON.stringify([layout?.id, tables.map(({ title }) => title), wrapper]);
}

/**
 * Plans an average of models in different layouts, or into another one: by canonical tensors.
 *
 * @throws {ClipSoupError} all that headers and configurations tell, at once
 */
export async function planMixedAverage(
	models: readonly ClipModel[],
	weights: LinearWeights,
	output: OutputTarget,
	choices: AverageChoices,
): Promise<AverageProduct> {
	const targets = targetsOf(models, choices);
	const layout = targets[0]?.target.folders[0]?.layout.family;
	refuseShards(
		targets.map(({ target }) => target),
		output,
		choices.maxShardSize,
	);
	if (output.kind === "file" && targets.some(({ target }) => target.folders.length > 1)) {
		throw new ClipSoupError("ERR_USAGE", "Cannot write one file: the soup is a pair of folders", {
			fix: "name a folder with -o, or choose another layout with --to",
		});
	}
	throwFaults("Cannot average these inputs", dtypeFaults(models, choices));
	const names = new Set(models.flatMap(({ tensors, carried }) => [...tensors, ...carried]).map(({ name }) => name));
	const keep = keptInputs(names, models.length, choices.keep ?? {});
	const { normalize = true, dtype } = choices;
	const recorded = models.map(recipeSource);
	const { product, architecture, tensors, notices } = await planCanonicalProduct({
		models,
		targets,
		output,
		options: { weights, dtype, keep },
		maxShardSize: choices.maxShardSize,
		hasConfigs: output.kind === "folder",
		drop: new Set(),
		recipe: (digests) =>
			soupRecipe(recorded, { weights: choices.weights, normalize, dtype, keep: choices.keep ?? {} }, digests),
	});
	const companions =
		output.kind === "file" ? undefined : await canonicalCompanions(models, targets, { architecture, tensors });
	throwFaults("Cannot average these inputs", companions?.faults ?? []);
	return {
		product: { ...product, smallFiles: companions?.files ?? [] },
		layout,
		tensors,
		notices: [...notices, ...noticesOn(tensors, models.length), ...(companions?.notices ?? [])],
	};
}

/** The layout that was asked for, or the first input's own. */
function targetsOf(models: readonly ClipModel[], { to, hfDual }: AverageChoices): PlacedTarget[] {
	const [first] = models;
	if (first === undefined) throw new RangeError("There is at least one model");
	if (to !== undefined) return chooseTargets(first, { to: [to], hfDual });
	return [{ target: TARGETS[ownTarget(first)], root: "" }];
}

function ownTarget({ checkpoints, reading, tensors }: ClipModel): TargetId {
	if (checkpoints.length > 1) return "hf-pair";
	const own = reading.recognitions[0]?.layout.id;
	if (own === "hf-clip" && !towersIn(tensors).has("image")) return "hf-text";
	const targets: Readonly<Record<string, TargetId>> = { timm: "timm", "hf-clip": "hf-clip", "hf-dual": "hf-dual" };
	return targets[own ?? ""] ?? "openclip";
}

function dtypeFaults(models: readonly ClipModel[], { dtype }: AverageChoices): ClipSoupError[] {
	const [first, ...others] = models;
	const expected = new Map(first?.tensors.map((tensor) => [tensor.name, tensor.dtype]));
	return others.flatMap(({ tensors, path }, index) =>
		tensors.flatMap((tensor) => {
			const own = expected.get(tensor.name);
			if (own === undefined || own === tensor.dtype) return [];
			const areFloat = isFloatDtype(own) && isFloatDtype(tensor.dtype);
			if (areFloat && dtype !== undefined) return [];
			const message = `Cannot average "${tensor.name}": found ${tensor.dtype} in input ${index + 2} "${path}", expected ${own} as in input 1`;
			const fix = areFloat
				? `choose the output's dtype: --dtype ${own.toLowerCase()}`
				: "average checkpoints of one kind";
			return [
				new ClipSoupError("ERR_DTYPE_MISMATCH", message, { fix, details: { tensor: tensor.name, input: index + 2 } }),
			];
		}),
	);
}
