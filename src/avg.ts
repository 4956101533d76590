import { stat } from "node:fs/promises";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { gatherCompanions } from "./checkpoint/companions.ts";
import { findMismatches } from "./checkpoint/match.ts";
import { closeAll, openCheckpoints } from "./checkpoint/open.ts";
import { peakMemory } from "./engine/memory.ts";
import { type MergedTensor, mergeTensors } from "./engine/merge-plan.ts";
import { defaultThreads } from "./engine/pass.ts";
import { differingMetadata, type ModelDigests, soupMetadata, soupRecipe, unknownDigests } from "./engine/provenance.ts";
import type { SoupDigests } from "./engine/soup-digests.ts";
import { planWeightSet } from "./engine/soup-files.ts";
import { type FileDigests, RECIPE_FILE, type Soup, writeSoup } from "./engine/write-soup.ts";
import { ClipSoupError, throwFaults } from "./errors.ts";
import { type LayoutId, weightFileName } from "./layouts/detect.ts";
import { type LinearWeights, linearWeights } from "./merge-methods/linear.ts";
import { type OutputTarget, refuseClashes, resolveTarget } from "./output/target.ts";
import type { Watch } from "./progress.ts";
import type { Recipe } from "./recipe.ts";
import type { FloatDtype } from "./tensor/dtype.ts";
import { nearestName } from "./tensor/names.ts";
import { elementCount } from "./tensor/shape.ts";

/** Options of `average`; all have the defaults of the command line. */
export interface AverageOptions {
	/** A `.safetensors` file, or a folder. Default `soup.safetensors` in the current folder. */
	readonly output?: string | undefined;
	/** One weight for each input. Default: uniform. */
	readonly weights?: readonly number[] | undefined;
	/** Whether to divide by the sum of the weights. Default true. */
	readonly normalize?: boolean | undefined;
	/** Dtype of averaged and kept float tensors. Default: each tensor's own. */
	readonly dtype?: FloatDtype | undefined;
	/** Tensors to take from one input: name → input number, from 1. */
	readonly keep?: Readonly<Record<string, number>> | undefined;
	/** Let NaN and Inf through by the rules of IEEE 754. Default false. */
	readonly allowNonFinite?: boolean | undefined;
	/** Replace output files that exist. Default false. */
	readonly force?: boolean | undefined;
	/** Sync data and folder to the disk before the output appears. Default true. */
	readonly fsync?: boolean | undefined;
	/** Worker threads. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
	/** Split the output into shards of at most so many bytes of tensors. Default: one file. */
	readonly maxShardSize?: number | undefined;
	/** SHA-256 of each tensor and of each whole checkpoint, in the same pass. Default false. */
	readonly digests?: boolean | undefined;
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
	readonly digests: SoupDigests | undefined;
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
	const checkpoints = await openCheckpoints(inputs);
	try {
		return await averageCheckpoints(checkpoints, weights, options, watch);
	} finally {
		await closeAll(checkpoints);
	}
}

async function averageCheckpoints(
	inputs: readonly Checkpoint[],
	weights: LinearWeights,
	options: AverageOptions,
	watch: Watch,
): Promise<AverageResult> {
	const output = options.output ?? "soup.safetensors";
	const target = await resolveTarget(output);
	const { soup, notices } = await planSoup(inputs, weights, target, options);
	const { recipe, files, byteLength } = outline(soup, options.digests ? unknownDigests(inputs) : undefined);
	await refuseClashes(target, files, { inputs: await identities(inputs), force: options.force ?? false });
	const threads = options.threads ?? defaultThreads();
	const plan: AverageResult = {
		dryRun: options.dryRun ?? false,
		output,
		files,
		layout: inputs[0]?.layout,
		tensors: countTreatments(soup.tensors),
		elements: soup.tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
		byteLength,
		dtypes: countDtypes(soup.tensors),
		threads,
		peakMemory: peakMemory(threads, inputs.length, headerBytes(inputs)),
		recipe,
		digests: undefined,
		fileDigests: undefined,
		metadataLeftOut: differingMetadata(inputs),
		notices,
	};
	if (plan.dryRun) return plan;
	const written = await writeSoup(
		soup,
		{
			force: options.force ?? false,
			fsync: options.fsync ?? true,
			allowNonFinite: options.allowNonFinite ?? false,
			digests: options.digests ?? false,
			fileDigests: options.fileDigests ?? false,
			threads,
			chunkByteLength: options.chunkByteLength,
		},
		watch,
	);
	const { digests, fileDigests } = written;
	return { ...plan, recipe: written.recipe, digests, fileDigests, notices: [...notices, ...written.notices] };
}

/** Checks the inputs against each other and decides what becomes of each tensor and file. */
async function planSoup(
	inputs: readonly Checkpoint[],
	weights: LinearWeights,
	target: OutputTarget,
	options: AverageOptions,
): Promise<{ readonly soup: Soup; readonly notices: readonly string[] }> {
	const layout = inputs[0]?.layout;
	refuseShards(layout, target, options.maxShardSize);
	const companions = target.kind === "folder" ? await gatherCompanions(inputs) : undefined;
	throwFaults("Cannot average these inputs", [
		...findMismatches(inputs, { allowMixedFloats: options.dtype !== undefined }),
		...(companions?.faults ?? []),
	]);
	const keep = keptInputs(inputs, options.keep ?? {});
	const tensors = mergeTensors(inputs, { weights, dtype: options.dtype, keep });
	const fileName = target.kind === "file" ? target.name : weightFileName(layout);
	const soup: Soup = {
		inputs,
		tensors,
		weights,
		target,
		recipe: (digests) =>
			soupRecipe(
				inputs,
				{
					weights: options.weights,
					normalize: options.normalize ?? true,
					dtype: options.dtype,
					keep: options.keep ?? {},
				},
				digests,
			),
		weightSet: (recipe) =>
			planWeightSet(tensors, soupMetadata(inputs, recipe), { fileName, maxShardSize: options.maxShardSize }),
		companions: companions?.files ?? [],
	};
	const notices = [
		...inputs.flatMap((input) => input.notices),
		...noticesOn(tensors, inputs.length),
		...(companions?.notices ?? []),
	];
	return { soup, notices };
}

function refuseShards(layout: LayoutId | undefined, target: OutputTarget, maxShardSize: number | undefined): void {
	if (maxShardSize === undefined) return;
	const reason =
		target.kind === "file" ? "the output is one file" : layout === "openclip" ? "open_clip reads no shards" : undefined;
	if (reason === undefined) return;
	throw new ClipSoupError("ERR_USAGE", `Cannot write shards: ${reason}`, {
		fix: target.kind === "file" ? "name a folder with -o, or leave --max-shard-size out" : "leave --max-shard-size out",
	});
}

/** Input numbers from 0 of the tensors to keep. @throws {ClipSoupError} ERR_USAGE for names or numbers there are not */
function keptInputs(inputs: readonly Checkpoint[], keep: Readonly<Record<string, number>>): Map<string, number> {
	const names = inputs[0]?.tensors ?? new Map<string, unknown>();
	for (const [name, number] of Object.entries(keep)) {
		if (!Number.isInteger(number) || number < 1 || number > inputs.length) {
			throw new ClipSoupError(
				"ERR_USAGE",
				`Cannot keep "${name}": found input ${number}, expected 1 to ${inputs.length}`,
				{
					fix: "inputs are numbered from 1 in the order they are given",
				},
			);
		}
		if (names.has(name)) continue;
		const nearest = nearestName(name, names.keys());
		throw new ClipSoupError("ERR_USAGE", `Cannot keep "${name}": the inputs have no such tensor`, {
			fix: nearest === undefined ? "list the names: clip-soup inspect --tensors" : `did you mean "${nearest}"?`,
		});
	}
	return new Map(Object.entries(keep).map(([name, number]) => [name, number - 1]));
}

function noticesOn(tensors: readonly MergedTensor[], inputCount: number): string[] {
	const statistics = tensors.filter(({ name, treatment }) => treatment === "averaged" && RUNNING_STATISTICS.test(name));
	return [
		...(inputCount === 1 ? ["one input: the soup is a copy of it"] : []),
		...(statistics.length > 0 && inputCount > 1
			? [`${statistics.length} BatchNorm running statistics are averaged: they are not the soup's own statistics`]
			: []),
	];
}

const RUNNING_STATISTICS = /\.running_(mean|var)$/;

/** Names and bytes of the output, for digests that may not be known yet. */
function outline(soup: Soup, digests: ModelDigests | undefined) {
	const recipe = soup.recipe(digests);
	const { files, index } = soup.weightSet(recipe);
	const sidecars = soup.target.kind === "folder" ? [RECIPE_FILE, ...soup.companions.map(({ name }) => name)] : [];
	return {
		recipe,
		files: [...files.map(({ name }) => name), ...sidecars, ...(index ? [index.name] : [])],
		byteLength: files.reduce((sum, file) => sum + file.byteLength, 0),
	};
}

async function identities(inputs: readonly Checkpoint[]) {
	const folders = inputs.flatMap(({ folder }) => folder ?? []);
	const files = inputs.flatMap(({ files: sources }) => sources.map(({ source }) => source));
	const ofFolders = await Promise.all(
		folders.map(async (path) => ({ path, stats: await stat(path, { bigint: true }) })),
	);
	return [
		...files.map(({ path, device, inode }) => ({ name: path, device, inode })),
		...ofFolders.map(({ path, stats }) => ({ name: path, device: stats.dev, inode: stats.ino })),
	];
}

function countTreatments(tensors: readonly MergedTensor[]): AverageResult["tensors"] {
	const counts = { averaged: 0, copied: 0, kept: 0 };
	for (const { treatment } of tensors) counts[treatment]++;
	return counts;
}

function countDtypes(tensors: readonly MergedTensor[]): Readonly<Record<string, number>> {
	const counts: Record<string, number> = {};
	for (const { dtype } of tensors) counts[dtype] = (counts[dtype] ?? 0) + 1;
	return counts;
}

function headerBytes(inputs: readonly Checkpoint[]): number {
	return inputs.flatMap(({ files }) => files).reduce((sum, { headerByteLength }) => sum + headerByteLength, 0);
}
