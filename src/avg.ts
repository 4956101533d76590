import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { identitiesOf } from "./checkpoint/identities.ts";
import { type ModelOptions, openModelFiles, readModel } from "./checkpoint/model.ts";
import { closeAll, openAll } from "./checkpoint/open.ts";
import { type AverageChoices, type AverageProduct, planAverage } from "./engine/average-product.ts";
import type { CheckpointsDigests } from "./engine/digests.ts";
import { peakMemory } from "./engine/memory.ts";
import { haveOneForm, planMixedAverage } from "./engine/mixed-average.ts";
import { defaultThreads } from "./engine/pass.ts";
import { type FileDigests, outlineOf, produce } from "./engine/produce.ts";
import { differingMetadata } from "./engine/provenance.ts";
import { ClipSoupError } from "./errors.ts";
import type { LayoutId } from "./layouts/detect.ts";
import { type LinearWeights, linearWeights } from "./merge-methods/linear.ts";
import { refuseClashes, resolveTarget } from "./output/target.ts";
import type { Watch } from "./progress.ts";
import type { Recipe } from "./recipe.ts";
import { elementCount } from "./tensor/shape.ts";

/** Options of `average`; all have the defaults of the command line. */
export interface AverageOptions extends AverageChoices, Pick<ModelOptions, "arch" | "archConfig"> {
	/** A `.safetensors` file, or a folder. Default `soup.safetensors` in the current folder. */
	readonly output?: string | undefined;
	/** Let NaN and Inf through by the rules of IEEE 754. Default false. */
	readonly allowNonFinite?: boolean | undefined;
	/** Replace output files that exist. Default false. */
	readonly force?: boolean | undefined;
	/** Sync data and folder to the disk before the output appears. Default true. */
	readonly fsync?: boolean | undefined;
	/** Worker threads. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
	/** SHA-256 of whole files, in passes of their own. Default false. */
	readonly fileDigests?: boolean | undefined;
	/** Check everything that headers can tell, and write nothing. Default false. */
	readonly dryRun?: boolean | undefined;
	/** Bytes of one operand's buffer. Default: 1 MiB, less for many inputs. Never changes the result. */
	readonly chunkByteLength?: number | undefined;
}

/** What `average` did, or with `dryRun` would do. */
export interface AverageResult {
	readonly dryRun: boolean;
	/** The output as it was named. */
	readonly output: string;
	/** Names of all files written, in the folder of the output. */
	readonly files: readonly string[];
	readonly layout: LayoutId | undefined;
	readonly tensors: { readonly averaged: number; readonly copied: number; readonly kept: number };
	readonly elements: number;
	/** Bytes of the output's weight files. */
	readonly byteLength: number;
	/** Dtypes in the output and the number of tensors of each. */
	readonly dtypes: Readonly<Record<string, number>>;
	readonly threads: number;
	/** Upper bound of the resident memory, in bytes. */
	readonly peakMemory: number;
	readonly recipe: Recipe;
	readonly digests: CheckpointsDigests | undefined;
	readonly fileDigests: FileDigests | undefined;
	/** Metadata keys left out of the output because the inputs do not have them alike. */
	readonly metadataLeftOut: readonly string[];
	/** What the user should know although it is no fault. */
	readonly notices: readonly string[];
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
	const groups = await openAll(inputs, (path) => openModelFiles(path));
	try {
		return await averageGroups(inputs, groups, weights, options, watch);
	} finally {
		await closeAll(groups.flat());
	}
}

async function averageGroups(
	paths: readonly string[],
	groups: readonly (readonly Checkpoint[])[],
	weights: LinearWeights,
	options: AverageOptions,
	watch: Watch,
): Promise<AverageResult> {
	const output = options.output ?? "soup.safetensors";
	const force = options.force ?? false;
	const target = await resolveTarget(output);
	const inputs = groups.flat();
	const planned = haveOneForm(groups, options)
		? await planAverage(inputs, weights, target, options)
		: await planMixedAverage(await readModels(paths, groups, options), weights, target, options);
	const { product, tensors, notices } = planned;
	const outline = outlineOf(product, options.digests ?? false);
	await refuseClashes(product.target, outline.files, { inputs: await identitiesOf(inputs), force });
	const threads = options.threads ?? defaultThreads();
	const plan: AverageResult = {
		dryRun: options.dryRun ?? false,
		output,
		...outline,
		layout: planned.layout,
		tensors: countTreatments(tensors),
		elements: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
		dtypes: countDtypes(tensors),
		threads,
		peakMemory: peakMemory(threads, groups.length, headerBytes(inputs)),
		digests: undefined,
		fileDigests: undefined,
		metadataLeftOut: differingMetadata(inputs),
		notices,
	};
	if (plan.dryRun) return plan;
	const written = await produce(
		product,
		{
			phase: "average",
			force,
			fsync: options.fsync ?? true,
			allowNonFinite: options.allowNonFinite ?? false,
			digests: options.digests ?? false,
			fileDigests: options.fileDigests ?? false,
			threads,
			chunkByteLength: options.chunkByteLength,
		},
		watch,
	);
	const { recipe, digests, fileDigests } = written;
	return { ...plan, recipe, digests, fileDigests, notices: [...notices, ...written.notices] };
}

/** Reads every input as a model; what the user says of the architecture holds for all. */
function readModels(paths: readonly string[], groups: readonly (readonly Checkpoint[])[], options: AverageOptions) {
	const { arch, archConfig } = options;
	return Promise.all(groups.map((group, index) => readModel(paths[index] ?? "", group, { arch, archConfig })));
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

function headerBytes(inputs: readonly Checkpoint[]): number {
	return inputs.flatMap(({ files }) => files).reduce((sum, { headerByteLength }) => sum + headerByteLength, 0);
}
