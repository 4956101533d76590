import { posix } from "node:path";
import type { PartialArchitecture } from "../architectures/architecture.ts";
import { originOf } from "../checkpoint/checkpoint.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import { ClipSoupError, throwFaults } from "../errors.ts";
import type { CarriedTensor } from "../layouts/carried.ts";
import type { Target } from "../layouts/index.ts";
import { planWriting, type Writing } from "../layouts/write.ts";
import type { OutputTarget } from "../output/target.ts";
import { agreedArchitecture } from "./agreed-architecture.ts";
import { type OutputFolder, type OutputTensor, outputFolder, placesIn, weightSetOf } from "./canonical-folders.ts";
import { planCanonical } from "./canonical-plan.ts";
import { type CanonicalOptions, gatherCanonical } from "./canonical-tensors.ts";
import { meansOfCarried, readCarried } from "./carried-mean.ts";
import type { Product } from "./produce.ts";
import { type RecipeSource, soupMetadata } from "./provenance.ts";
import { shardNotices } from "./shards.ts";

/** A target and where it goes below the output's folder. */
export interface PlacedTarget {
	readonly target: Target;
	/** Empty, or the target's own folder where there are several. */
	readonly root: string;
}

export interface CanonicalRequest {
	readonly models: readonly ClipModel[];
	readonly targets: readonly PlacedTarget[];
	readonly output: OutputTarget;
	readonly options: CanonicalOptions;
	readonly maxShardSize: number | undefined;
	/** Whether configurations are written too, which say what a model computes. */
	readonly hasConfigs: boolean;
	/** Canonical tensors that may be left out although a target needs them. */
	readonly drop: ReadonlySet<string>;
	/** The recipe, but for the target. */
	readonly recipe: Product["recipe"];
}

/** Models in any layouts on their way into targets; the small files depend on the architecture and come later. */
export interface CanonicalProduct {
	readonly product: Omit<Product, "smallFiles">;
	/** Without configurations one whose tensors are the same, see `formsOf`. */
	readonly architecture: PartialArchitecture;
	/** Tensors of the output, all targets together. */
	readonly tensors: readonly OutputTensor[];
	readonly notices: readonly string[];
}

interface TargetWriting extends PlacedTarget {
	readonly writing: Writing;
	readonly carried: readonly CarriedTensor[];
}

/**
 * Plans how models become targets: one pass over the inputs, whatever their layouts.
 *
 * @throws {ClipSoupError} all tensors that are missing, do not fit or cannot be represented, at once; ERR_USAGE for facts
 *   of the architecture that nobody tells
 */
export async function planCanonicalProduct(request: CanonicalRequest): Promise<CanonicalProduct> {
	const { models, targets, options, output } = request;
	const architecture = agreedArchitecture(
		models,
		targets.map(({ target }) => target),
		{ keep: options.keep, isFormEnough: !request.hasConfigs },
	);
	const { tensors: sums, sources, zeros } = gatherCanonical(models, options);
	const shapes = sums.map(({ name, shape }) => ({ name, shape: shape.map(Number) }));
	const planned = targets.map((placed) => ({
		...placed,
		writing: planWriting(placed.target, architecture, shapes, request.drop),
	}));
	throwFaults("Cannot convert", [
		...planned.flatMap(({ writing }) => writing.faults),
		...dropFaults(request.drop, shapes, planned),
	]);
	const writings: TargetWriting[] = [];
	for (const one of planned) {
		const carried = await Promise.all(models.map((model) => readCarried(model, one.writing.carried)));
		writings.push({ ...one, carried: meansOfCarried(carried, options) });
	}
	const folders = writings.flatMap((writing) => foldersOf(writing, new Map(sums.map((sum) => [sum.name, sum]))));
	const recorded = models.map(recipeSource);
	return {
		product: {
			inputs: models.flatMap(({ checkpoints }) => checkpoints),
			subjects: models.map(subjectOf),
			isWhole: false,
			target: output,
			recipe: request.recipe,
			weightSet: (recipe) =>
				weightSetOf(folders, {
					fileName: output.kind === "file" ? output.name : undefined,
					maxShardSize: request.maxShardSize,
					metadata: (target, carried) => soupMetadata(recorded, { ...recipe, target }, carried),
				}),
			plan: (files) => {
				const places = placesIn(folders, files);
				const steps = sums.map((sum) => ({ ...sum, places: places.get(sum.name) ?? [] }));
				return { ...planCanonical(steps, zeros), sources };
			},
		},
		architecture,
		tensors: folders.flatMap(({ tensors }) => tensors),
		notices: [
			...models.flatMap(({ notices }) => notices),
			...models.flatMap((model, index) => unusedNotice(model, index + 1, shapes)),
			...writings.flatMap(noticesOn),
			...shardNotices(
				targets.map(({ target }) => target),
				request.maxShardSize,
			),
		],
	};
}

/** Faults of tensors that are to be left out although no target lacks a place for them. */
function dropFaults(
	drop: ReadonlySet<string>,
	tensors: readonly { readonly name: string }[],
	planned: readonly Pick<TargetWriting, "writing">[],
): ClipSoupError[] {
	const dropped = new Set(planned.flatMap(({ writing }) => [...writing.dropped, ...writing.left]));
	return tensors
		.filter(({ name }) => drop.has(name) && !dropped.has(name))
		.map(({ name }) => {
			const message = `Cannot leave "${name}" out: found a place for it in every target, expected one that has none`;
			return new ClipSoupError("ERR_USAGE", message, { fix: `leave --drop ${name} out`, details: { name } });
		});
}

function foldersOf(
	{ target, root, writing, carried }: TargetWriting,
	sums: Parameters<typeof outputFolder>[3]["sums"],
): OutputFolder[] {
	return writing.folders.map((folder, index) =>
		outputFolder(target.id, root, folder, { sums, carried: index === 0 ? carried : [] }),
	);
}

/** Says that a model has more than the first one: an image tower alone gives an image tower. */
function unusedNotice(
	{ tensors, path }: ClipModel,
	number: number,
	used: readonly { readonly name: string }[],
): string[] {
	const names = new Set(used.map(({ name }) => name));
	const unused = tensors.filter(({ name }) => !names.has(name)).length;
	return unused === 0 ? [] : [`input ${number} "${path}": ${unused} tensors that input 1 does not have are left out`];
}

/** What a recipe records of a model: the files of all its folders. */
export function recipeSource({ name, checkpoints }: ClipModel): RecipeSource {
	const several = checkpoints.length > 1;
	return {
		name,
		files: checkpoints.flatMap((checkpoint) =>
			checkpoint.files.map((file) => (several ? { ...file, name: posix.join(checkpoint.name, file.name) } : file)),
		),
		metadata: checkpoints[0]?.metadata ?? new Map(),
		origin: originOf(checkpoints),
	};
}

/** A model as findings and digests speak of it. */
function subjectOf(model: ClipModel): Product["subjects"][number] {
	return {
		path: model.path,
		checkpoints: model.checkpoints,
		digestTensor: async (name) => {
			const source = model.tensors.find((tensor) => tensor.name === name)?.sources[0];
			const digest = source && (await model.checkpoints[source.folder]?.digestTensor(source.name));
			return digest ?? "unknown";
		},
	};
}

function noticesOn({ writing, target, carried }: TargetWriting): string[] {
	const names = (tensors: readonly string[]) => tensors.join(", ");
	const kept = carried.map(({ name }) => name);
	const lost = writing.carried.filter((name) => !kept.includes(name));
	return [
		...(writing.left.length > 0
			? [`${target.id}: ${writing.left.length} tensors of the other tower are left out`]
			: []),
		...(kept.length > 0 ? [`${target.id}: ${names(kept)} is carried in the metadata`] : []),
		...(lost.length > 0 ? [`${target.id}: ${names(lost)} is not carried, since an input does not tell it`] : []),
		...(writing.dropped.length > 0 ? [`${target.id}: ${names(writing.dropped)} is dropped`] : []),
	];
}
