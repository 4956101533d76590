import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { type ModelOptions, openModelFiles } from "./checkpoint/model.ts";
import { readModels } from "./checkpoint/models.ts";
import { closeAll, openAll } from "./checkpoint/open.ts";
import { toldByUser } from "./checkpoint/told.ts";
import { type AverageChoices, type AverageProduct, planAverage } from "./engine/average-product.ts";
import { type Delivery, type DeliveryOptions, deliver } from "./engine/deliver.ts";
import { haveOneForm, planMixedAverage } from "./engine/mixed-average.ts";
import { differingMetadata } from "./engine/provenance.ts";
import { startThreadsAhead } from "./engine/threads.ts";
import { ClipSoupError } from "./errors.ts";
import { Hub } from "./hub/hub.ts";
import type { LayoutId } from "./layouts/detect.ts";
import { type LinearWeights, linearWeights } from "./merge-methods/linear.ts";
import { resolveTarget } from "./output/target.ts";
import type { Watch } from "./progress.ts";
import { elementCount } from "./tensor/shape.ts";

/** Options of `average`; all have the defaults of the command line. */
export interface AverageOptions extends AverageChoices, DeliveryOptions, Pick<ModelOptions, "arch" | "archConfig"> {
	/** A `.safetensors` file, or a folder. Default `soup.safetensors` in the current folder. */
	readonly output?: string | undefined;
	/** Let NaN and Inf through by the rules of IEEE 754. Default false. */
	readonly allowNonFinite?: boolean | undefined;
	/** SHA-256 of whole files, in passes of their own. Default false. */
	readonly fileDigests?: boolean | undefined;
}

/** What `average` did, or with `dryRun` would do. */
export interface AverageResult extends Delivery {
	/** The output as it was named. */
	readonly output: string;
	readonly layout: LayoutId | undefined;
	readonly tensors: { readonly averaged: number; readonly copied: number; readonly kept: number };
	readonly elements: number;
	/** Dtypes in the output and the number of tensors of each. */
	readonly dtypes: Readonly<Record<string, number>>;
	/** Metadata keys left out of the output because the inputs do not have them alike. */
	readonly metadataLeftOut: readonly string[];
}

/**
 * Averages checkpoints of one layout and architecture into a soup, streaming: memory does not grow with their size.
 *
 * Every element is summed in float64 in the order of the inputs and rounded once; the bytes written depend on the inputs
 * and the options only. The output appears complete or not at all.
 *
 * @param inputs `.safetensors` files, shard indexes, or folders with either
 * @throws {ClipSoupError} with a stable `code`, see docs/errors.md; the signal's reason when aborted
 * @see Wortsman et al. 2022, Model soups. https://arxiv.org/abs/2203.05482
 * @example
 * const soup = await average(["augreg/", "rewind/"], { output: "soup/" });
 * console.log(soup.tensors.averaged, soup.byteLength);
 */
export async function average(
	inputs: readonly string[],
	options: AverageOptions = {},
	watch: Watch = {},
): Promise<AverageResult> {
	if (inputs.length === 0) {
		throw new ClipSoupError("ERR_USAGE", "Cannot average: found no input, expected at least one", {
			fix: "name the checkpoints: clip-soup avg a.safetensors b.safetensors",
		});
	}
	const weights = linearWeights(inputs.length, { weights: options.weights, normalize: options.normalize ?? true });
	const hub = new Hub(watch);
	const groups = await openAll(inputs, (path) => openModelFiles(path, undefined, hub));
	try {
		using _threads = startThreadsAhead(groups.flat(), options);
		return await averageGroups(inputs, groups, { weights, hub }, options, watch);
	} finally {
		await closeAll(groups.flat());
	}
}

const UNNEEDED = "--arch and --arch-config change nothing here: tensors of the same names are averaged";

async function averageGroups(
	paths: readonly string[],
	groups: readonly (readonly Checkpoint[])[],
	{ weights, hub }: { readonly weights: LinearWeights; readonly hub: Hub },
	options: AverageOptions,
	watch: Watch,
): Promise<AverageResult> {
	const output = options.output ?? "soup.safetensors";
	const target = await resolveTarget(output);
	const inputs = groups.flat();
	const { arch, archConfig } = options;
	const models = groups.map((checkpoints, index) => ({ path: paths[index] ?? "", checkpoints }));
	const isOneForm = haveOneForm(groups, options);
	const planned = isOneForm
		? await planAverage(inputs, weights, target, options)
		: await planMixedAverage(await readModels(models, { arch, archConfig }, hub), weights, target, options);
	// Looked at, so that a wrong one is told.
	const isUnneeded = isOneForm && (await toldByUser({ arch, archConfig }, hub)).sources.length > 0;
	const { product, tensors } = planned;
	const notices = isUnneeded ? [...planned.notices, UNNEEDED] : planned.notices;
	const { allowNonFinite = false, digests = false, fileDigests = false } = options;
	const mode = { phase: "average", allowNonFinite, digests, fileDigests } as const;
	const delivery = await deliver(product, mode, options, watch);
	return {
		...delivery,
		output,
		layout: planned.layout,
		tensors: countTreatments(tensors),
		elements: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
		dtypes: countDtypes(tensors),
		metadataLeftOut: differingMetadata(inputs),
		notices: [...notices, ...delivery.notices],
	};
}

function countTreatments(tensors: AverageProduct["tensors"]): AverageResult["tensors"] {
	const counts = { averaged: 0, copied: 0, kept: 0 };
	for (const { treatment } of tensors) counts[treatment]++;
	return counts;
}

function countDtypes(tensors: AverageProduct["tensors"]): Readonly<Record<string, number>> {
	const counts: Record<string, number> = {};
	for (const { dtype } of tensors) counts[dtype] = (counts[dtype] ?? 0) + 1;
	return counts;
}
