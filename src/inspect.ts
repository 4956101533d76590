import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { openModelFiles } from "./checkpoint/model.ts";
import { type ModelSummary, summariseModel } from "./checkpoint/model-summary.ts";
import { closeAll } from "./checkpoint/open.ts";
import { type Census, type CensusTensor, takeCensus } from "./engine/census.ts";
import type { Statistics } from "./engine/census-pass.ts";
import { type StoredTensor, storedTensors, weightFileLabel } from "./engine/census-tensors.ts";
import { Hub } from "./hub/hub.ts";
import type { LayoutId } from "./layouts/detect.ts";
import type { ResolvedReference } from "./origin.ts";
import type { Watch } from "./progress.ts";
import { parseRecipe, RECIPE_METADATA, type Recipe } from "./recipe.ts";
import { type Dtype, isFloatDtype } from "./tensor/dtype.ts";
import { elementCount } from "./tensor/shape.ts";
import type { TensorInfo } from "./tensor/tensor.ts";

export interface InspectOptions {
	/** Read the bytes too: digests, tied tensors, NaN and Inf, statistics. Default false. */
	readonly data?: boolean | undefined;
	/** Count parameters, multiply-accumulates and activations. Default false. */
	readonly profile?: boolean | undefined;
	/** The architecture by name, where no configuration tells it. */
	readonly arch?: string | undefined;
	/** The architecture by configuration files of OpenCLIP, timm or transformers. */
	readonly archConfig?: string | readonly string[] | undefined;
	/** Worker threads for `data`. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
}

/** How many tensors, elements and bytes there are of a dtype. */
export interface DtypeSummary {
	readonly tensors: number;
	readonly elements: number;
	readonly byteLength: number;
}

/** A tensor as headers tell of it, and with `data` what its bytes tell. */
export interface InspectedTensor extends TensorInfo {
	readonly byteLength: number;
	/** Weight file it is in. */
	readonly file: string;
	/** `sha256:` and hex digest of its bytes. */
	readonly sha256?: string;
	/** Of float tensors. */
	readonly statistics?: Statistics;
}

/** What the bytes of a checkpoint tell. */
export interface DataSummary {
	readonly modelDigest: string;
	/** Names of tensors with equal dtype, shape and bytes, in groups of two or more; empty tensors are left out. */
	readonly tied: readonly (readonly string[])[];
	readonly nan: number;
	readonly infinite: number;
}

export interface Inspection {
	/** What was given. */
	readonly path: string;
	readonly layout: LayoutId | undefined;
	/** What is known of the model; undefined if the tensors are those of no CLIP that is known. */
	readonly model: ModelSummary | undefined;
	readonly files: readonly { readonly name: string; readonly byteLength: number; readonly headerSha256: string }[];
	/** In the order of the data. */
	readonly tensors: readonly InspectedTensor[];
	/** Elements of float tensors without BatchNorm's running statistics. */
	readonly parameters: number;
	/** Bytes of all weight files, headers included. */
	readonly byteLength: number;
	readonly dtypes: Readonly<Partial<Record<Dtype, DtypeSummary>>>;
	readonly metadata: Readonly<Record<string, string>>;
	/** The `clip_soup` entry, if it is one that this version knows. */
	readonly recipe: Recipe | undefined;
	readonly data: DataSummary | undefined;
	/** All that was read of the Hub, at which commit. */
	readonly origins: readonly ResolvedReference[];
	readonly notices: readonly string[];
}

const BUFFERS = /\.running_(mean|var)$/;

/**
 * Tells what a checkpoint is, from its headers and configuration; with `data` also from its bytes, in one streaming pass.
 *
 * @param path a `.safetensors` file, a shard index, a folder with either, or a folder with `vision/` and `text/`
 * @throws {ClipSoupError} what is wrong with the file, see docs/errors.md
 * @example
 * const { parameters, dtypes } = await inspect("soup/");
 */
export async function inspect(path: string, options: InspectOptions = {}, watch: Watch = {}): Promise<Inspection> {
	const hub = new Hub(watch);
	const checkpoints = await openModelFiles(path, undefined, hub);
	try {
		return await inspectCheckpoints({ path, checkpoints, hub }, options, watch);
	} finally {
		await closeAll(checkpoints);
	}
}

async function inspectCheckpoints(
	{ path, checkpoints, hub }: { readonly path: string; readonly checkpoints: readonly Checkpoint[]; readonly hub: Hub },
	options: InspectOptions,
	watch: Watch,
): Promise<Inspection> {
	const census = options.data ? await takeCensus({ checkpoints, model: undefined }, options, watch) : undefined;
	const stored = storedTensors(checkpoints);
	const tensors = stored.map((tensor, row) => describe(checkpoints, tensor, census?.tensors[row]));
	const { model, notices } = await summariseModel(path, checkpoints, options, hub);
	const metadata = checkpoints[0]?.metadata ?? new Map<string, string>();
	return {
		path,
		layout: checkpoints[0]?.layout,
		model,
		files: checkpoints.flatMap((checkpoint, folder) =>
			checkpoint.files.map(({ source, headerSha256 }, file) => ({
				name: weightFileLabel(checkpoints, folder, file),
				byteLength: source.byteLength,
				headerSha256: `sha256:${headerSha256}`,
			})),
		),
		tensors,
		parameters: countParameters(tensors),
		byteLength: checkpoints.reduce((sum, { byteLength }) => sum + byteLength, 0),
		dtypes: summariseDtypes(tensors),
		metadata: Object.fromEntries(metadata),
		recipe: parseRecipe(metadata.get(RECIPE_METADATA) ?? ""),
		data: census && summariseData(census),
		origins: hub.origins,
		notices: model === undefined ? [...checkpoints.flatMap((each) => each.notices), ...notices] : notices,
	};
}

function describe(
	checkpoints: readonly Checkpoint[],
	{ name, dtype, shape, byteLength, folder, file }: StoredTensor,
	bytes: CensusTensor | undefined,
): InspectedTensor {
	return {
		name,
		dtype,
		shape,
		byteLength,
		file: weightFileLabel(checkpoints, folder, file),
		...(bytes && { sha256: `sha256:${bytes.sha256}` }),
		...(bytes?.statistics && { statistics: bytes.statistics }),
	};
}

function countParameters(tensors: readonly InspectedTensor[]): number {
	return tensors
		.filter(({ name, dtype }) => isFloatDtype(dtype) && !BUFFERS.test(name))
		.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

function summariseDtypes(tensors: readonly InspectedTensor[]): Partial<Record<Dtype, DtypeSummary>> {
	const summaries: Partial<Record<Dtype, DtypeSummary>> = {};
	for (const { dtype, shape, byteLength } of tensors) {
		const sum = summaries[dtype] ?? { tensors: 0, elements: 0, byteLength: 0 };
		summaries[dtype] = {
			tensors: sum.tensors + 1,
			elements: sum.elements + elementCount(shape),
			byteLength: sum.byteLength + byteLength,
		};
	}
	return summaries;
}

function summariseData({ tensors, modelDigest }: Census): DataSummary {
	const groups = new Map<string, string[]>();
	for (const { name, dtype, shape, byteLength, sha256 } of tensors) {
		if (byteLength === 0) continue;
		const key = `${dtype} ${shape.join(",")} ${sha256}`;
		const group = groups.get(key);
		if (group === undefined) groups.set(key, [name]);
		else group.push(name);
	}
	return {
		modelDigest,
		tied: [...groups.values()].filter((names) => names.length > 1),
		nan: tensors.reduce((sum, { statistics }) => sum + (statistics?.nan ?? 0), 0),
		infinite: tensors.reduce((sum, { statistics }) => sum + (statistics?.infinite ?? 0), 0),
	};
}
