import type { Checkpoint, CheckpointTensor } from "./checkpoint/checkpoint.ts";
import { openCheckpoint } from "./checkpoint/open.ts";
import { OperationList } from "./engine/operation.ts";
import { runPass } from "./engine/pass.ts";
import type { TensorStatistics } from "./engine/results.ts";
import { StepTable } from "./engine/step-table.ts";
import type { LayoutId } from "./layouts/detect.ts";
import type { Watch } from "./progress.ts";
import { parseRecipe, RECIPE_METADATA, type Recipe } from "./recipe.ts";
import { type Dtype, floatByteLength, isFloatDtype } from "./tensor/dtype.ts";
import { modelDigest } from "./tensor/model-digest.ts";
import { elementCount } from "./tensor/shape.ts";
import type { TensorInfo } from "./tensor/tensor.ts";

export interface InspectOptions {
	/** Read the bytes too: digests, tied tensors, NaN and Inf, statistics. Default false. */
	readonly data?: boolean | undefined;
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
	readonly statistics?: Omit<TensorStatistics, "kind">;
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
	readonly notices: readonly string[];
}

const BUFFERS = /\.running_(mean|var)$/;

/**
 * Tells what a checkpoint is, from its headers; with `data` also from its bytes, in one streaming pass.
 *
 * @param path a `.safetensors` file, a shard index, or a folder with either
 * @throws {ClipSoupError} what is wrong with the file, see docs/errors.md
 * @example
 * const { parameters, dtypes } = await inspect("soup/");
 */
export async function inspect(path: string, options: InspectOptions = {}, watch: Watch = {}): Promise<Inspection> {
	await using checkpoint = await openCheckpoint(path);
	const stored = [...checkpoint.tensors.values()];
	const bytes = options.data ? await readData(checkpoint, stored, options, watch) : undefined;
	const tensors = stored.map((tensor, row) => describe(checkpoint, tensor, bytes?.[row]));
	return {
		path,
		layout: checkpoint.layout,
		files: checkpoint.files.map(({ name, source, headerSha256 }) => ({
			name,
			byteLength: source.byteLength,
			headerSha256: `sha256:${headerSha256}`,
		})),
		tensors,
		parameters: countParameters(tensors),
		byteLength: checkpoint.byteLength,
		dtypes: summariseDtypes(tensors),
		metadata: Object.fromEntries(checkpoint.metadata),
		recipe: parseRecipe(checkpoint.metadata.get(RECIPE_METADATA) ?? ""),
		data: bytes && summariseData(tensors, bytes),
		notices: checkpoint.notices,
	};
}

/** What a pass found of one tensor. */
interface TensorBytes {
	sha256: string;
	statistics?: Omit<TensorStatistics, "kind">;
}

async function readData(
	checkpoint: Checkpoint,
	tensors: readonly CheckpointTensor[],
	{ threads }: InspectOptions,
	watch: Watch,
): Promise<TensorBytes[]> {
	const operations = new OperationList();
	const steps = new StepTable(tensors.length, { operandCount: 1, outputCount: 0 });
	for (const [row, { dtype, byteLength, file, position }] of tensors.entries()) {
		const operation = isFloatDtype(dtype) ? ({ kind: "scan", dtype } as const) : ({ kind: "digest" } as const);
		steps.set(row, {
			operation: operations.indexOf(operation),
			elementCount: byteLength / (isFloatDtype(dtype) ? floatByteLength(dtype) : 1),
			operands: [{ source: file, position }],
		});
	}
	const found = tensors.map((): TensorBytes => ({ sha256: "" }));
	await runPass(
		{
			operations: operations.all,
			steps,
			phase: "read",
			sources: checkpoint.files.map(({ source }) => source),
			outputs: [],
			threads,
			digests: true,
			onResult: (row, result) => {
				const entry = found[row];
				if (entry === undefined || result.kind !== "scan") return;
				const { kind: _, ...statistics } = result;
				entry.statistics = statistics;
			},
			onDigests: (row, { operands }) => {
				const entry = found[row];
				if (entry) entry.sha256 = operands[0] ?? "";
			},
		},
		watch,
	);
	await checkpoint.assertUnchanged();
	return found;
}

function describe(checkpoint: Checkpoint, tensor: CheckpointTensor, bytes: TensorBytes | undefined): InspectedTensor {
	const { name, dtype, shape, byteLength } = tensor;
	return {
		name,
		dtype,
		shape,
		byteLength,
		file: checkpoint.files[tensor.file]?.name ?? "",
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

function summariseData(tensors: readonly InspectedTensor[], bytes: readonly TensorBytes[]): DataSummary {
	const groups = new Map<string, string[]>();
	for (const { name, dtype, shape, byteLength, sha256 } of tensors) {
		if (byteLength === 0) continue;
		const key = `${dtype} ${shape.join(",")} ${sha256}`;
		groups.set(key, [...(groups.get(key) ?? []), name]);
	}
	const digested = tensors.map(({ name, dtype, shape }, row) => ({
		name,
		dtype,
		shape,
		sha256: bytes[row]?.sha256 ?? "",
	}));
	return {
		modelDigest: modelDigest(digested),
		tied: [...groups.values()].filter((names) => names.length > 1),
		nan: bytes.reduce((sum, { statistics }) => sum + (statistics?.nan ?? 0), 0),
		infinite: bytes.reduce((sum, { statistics }) => sum + (statistics?.infinite ?? 0), 0),
	};
}
