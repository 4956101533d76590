import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { gatherCompanions } from "../checkpoint/companions.ts";
import { findMismatches } from "../checkpoint/match.ts";
import { ClipSoupError, throwFaults } from "../errors.ts";
import { carriedFacts, carriedTensors } from "../layouts/carried.ts";
import { type LayoutId, weightFileName } from "../layouts/detect.ts";
import { TARGETS } from "../layouts/index.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import type { OutputTarget } from "../output/target.ts";
import type { FloatDtype } from "../tensor/dtype.ts";
import { nearestName } from "../tensor/names.ts";
import type { TensorInfo } from "../tensor/tensor.ts";
import { lostNames, meansOfCarried } from "./carried-mean.ts";
import { mergeTensors, planMerge, type Treatment } from "./merge-plan.ts";
import type { Product } from "./produce.ts";
import { soupMetadata, soupRecipe } from "./provenance.ts";
import { refuseShards } from "./shards.ts";
import { planWeightSet } from "./weight-files.ts";

/** The options of an average that decide its bytes. */
export interface AverageChoices {
	/** One weight for each input. Default: uniform. */
	readonly weights?: readonly number[] | undefined;
	/** Whether to divide by the sum of the weights. Default true. */
	readonly normalize?: boolean | undefined;
	/** Dtype of averaged and kept float tensors. Default: each tensor's own. */
	readonly dtype?: FloatDtype | undefined;
	/** Tensors to take from one input: name → input number, from 1. */
	readonly keep?: Readonly<Record<string, number>> | undefined;
	/** Layout of the output. Default: that of the first input. */
	readonly to?: LayoutId | undefined;
	/** For `hf`: one folder for transformers' `VisionTextDualEncoderModel`, not two. Default false. */
	readonly hfDual?: boolean | undefined;
	/** Split the output into shards of at most so many bytes of tensors. Default: one file. */
	readonly maxShardSize?: number | undefined;
	/** SHA-256 of each tensor and of each whole checkpoint. Default false. */
	readonly digests?: boolean | undefined;
}

/** An average that is ready to be written, and what there is to tell of it. */
export interface AverageProduct {
	readonly product: Product;
	readonly layout: LayoutId | undefined;
	/** Tensors of the output. */
	readonly tensors: readonly (TensorInfo & { readonly treatment: Treatment })[];
	readonly notices: readonly string[];
}

/**
 * Checks inputs of one layout against each other and decides what becomes of each tensor and file.
 *
 * @throws {ClipSoupError} all that headers and configurations tell, at once
 */
export async function planAverage(
	inputs: readonly Checkpoint[],
	weights: LinearWeights,
	target: OutputTarget,
	choices: AverageChoices,
): Promise<AverageProduct> {
	const layout = inputs[0]?.layout;
	refuseShards(layout === undefined || layout === "hf" ? [] : [TARGETS[layout]], target, choices.maxShardSize);
	const companions = target.kind === "folder" ? await gatherCompanions(inputs) : undefined;
	const buffers = new Set(inputs.flatMap(({ recognition }) => [...(recognition?.buffers ?? [])]));
	throwFaults("Cannot average these inputs", [
		...findMismatches(inputs, { allowMixedFloats: choices.dtype !== undefined, ignored: buffers }),
		...(companions?.faults ?? []),
	]);
	const carried = inputs.map(({ metadata }) => carriedTensors(metadata));
	const isMeant = ({ name }: { readonly name: string }) => !buffers.has(name);
	const names = [...(inputs[0]?.tensors.values() ?? []), ...(carried[0] ?? [])].filter(isMeant);
	const keep = keptInputs(new Set(names.map(({ name }) => name)), inputs.length, choices.keep ?? {});
	const tensors = mergeTensors(inputs, { weights, dtype: choices.dtype, keep }).filter(isMeant);
	const fileName = target.kind === "file" ? target.name : weightFileName(layout);
	const { normalize = true, dtype, maxShardSize } = choices;
	const means = meansOfCarried(carried, { weights, dtype, keep });
	// A bias that one input has the mean has too.
	const facts = new Set(inputs.flatMap(({ metadata }) => carriedFacts(metadata)));
	const carriedOn = { tensors: means, facts: [...facts] };
	const product: Product = {
		inputs,
		subjects: inputs.map((input) => ({
			path: input.path,
			checkpoints: [input],
			digestTensor: (name) => input.digestTensor(name),
		})),
		// Digests of the inputs tell of their buffers too, which no step reads.
		isWhole: buffers.size === 0,
		target,
		recipe: (digests) =>
			soupRecipe(inputs, { weights: choices.weights, normalize, dtype, keep: choices.keep ?? {} }, digests),
		weightSet: (recipe) => planWeightSet(tensors, soupMetadata(inputs, recipe, carriedOn), { fileName, maxShardSize }),
		plan: (files) => planMerge(inputs, tensors, files, { weights, digestUnread: choices.digests ?? false }),
		smallFiles: companions?.files ?? [],
	};
	const notices = [
		...inputs.flatMap((input) => input.notices),
		...noticesOn(tensors, inputs.length),
		...bufferNotices(buffers),
		...lostNotices(lostNames(carried, means)),
		...(companions?.notices ?? []),
	];
	return { product, layout, tensors, notices };
}

function bufferNotices([first, ...others]: Iterable<string>): string[] {
	if (first === undefined) return [];
	return [`buffers that no model needs are left out: ${others.length + 1} such as "${first}"`];
}

function lostNotices(names: readonly string[]): string[] {
	return names.length === 0 ? [] : [`${names.join(", ")} is not carried on, since an input does not carry it`];
}

/** Input numbers from 0 of the tensors to keep. @throws {ClipSoupError} ERR_USAGE for names or numbers there are not */
export function keptInputs(
	names: ReadonlySet<string>,
	inputCount: number,
	keep: Readonly<Record<string, number>>,
): Map<string, number> {
	for (const [name, number] of Object.entries(keep)) {
		if (!Number.isInteger(number) || number < 1 || number > inputCount) {
			throw new ClipSoupError(
				"ERR_USAGE",
				`Cannot keep "${name}": found input ${number}, expected 1 to ${inputCount}`,
				{
					fix: "inputs are numbered from 1 in the order they are given",
				},
			);
		}
		if (names.has(name)) continue;
		const nearest = nearestName(name, names);
		throw new ClipSoupError("ERR_USAGE", `Cannot keep "${name}": the inputs have no such tensor`, {
			fix: nearest === undefined ? "list the names: clip-soup inspect --tensors" : `did you mean "${nearest}"?`,
		});
	}
	return new Map(Object.entries(keep).map(([name, number]) => [name, number - 1]));
}

/** What the user should know of how tensors come about. */
export function noticesOn(tensors: AverageProduct["tensors"], inputCount: number): string[] {
	const statistics = tensors.filter(({ name, treatment }) => treatment === "averaged" && RUNNING_STATISTICS.test(name));
	return [
		...(inputCount === 1 ? ["one input: the soup is a copy of it"] : []),
		...(statistics.length > 0 && inputCount > 1
			? [`${statistics.length} BatchNorm running statistics are averaged: they are not the soup's own statistics`]
			: []),
	];
}

const RUNNING_STATISTICS = /\.running_(mean|var)$/;
