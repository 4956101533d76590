import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { identitiesOf } from "../checkpoint/identities.ts";
import { isWeightFile } from "../checkpoint/weight-files.ts";
import { type OutputTarget, refuseClashes } from "../output/target.ts";
import type { Progress, Watch } from "../progress.ts";
import type { Recipe } from "../recipe.ts";
import type { CheckpointsDigests } from "./digests.ts";
import { peakMemory } from "./memory.ts";

import { type FileDigests, type PlannedOutput, type Product, planOutput, produce, RECIPE_FILE } from "./produce.ts";
import { mostThreads } from "./threads.ts";

/** Options of every command that writes checkpoints. */
export interface DeliveryOptions {
	/** Replace output files that exist. Default false. */
	readonly force?: boolean | undefined;
	/** Sync data and folder to the disk before the output appears. Default true. */
	readonly fsync?: boolean | undefined;
	/** Worker threads. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
	/** Check everything that headers can tell, and write nothing. Default false. */
	readonly dryRun?: boolean | undefined;
	/** Bytes of one operand's buffer. Default: 1 MiB, less for many inputs. Never changes the result. */
	readonly chunkByteLength?: number | undefined;
}

/** How the bytes of one kind of product are looked at on their way. */
export interface DeliveryMode {
	/** What progress calls the pass over the bytes. */
	readonly phase: Progress["phase"];
	readonly allowNonFinite: boolean;
	readonly digests: boolean;
	readonly fileDigests: boolean;
}

/** What was written, or with `dryRun` would be. */
export interface Delivery {
	readonly dryRun: boolean;
	/** Names of all files, in the folder of the output. */
	readonly files: readonly string[];
	/** Bytes of the weight files. */
	readonly byteLength: number;
	/** The most worker threads that it takes. */
	readonly threads: number;
	/** Upper bound of the resident memory, in bytes. */
	readonly peakMemory: number;
	readonly recipe: Recipe;
	readonly digests: CheckpointsDigests | undefined;
	readonly fileDigests: FileDigests | undefined;
	/** What the user should know although it is no fault. */
	readonly notices: readonly string[];
}

/**
 * Writes a product where it may go, unless it is only to be planned.
 *
 * @throws {ClipSoupError} ERR_OUTPUT_EXISTS, ERR_OUTPUT_IS_INPUT, and what `produce` throws
 */
export async function deliver(
	product: Product,
	mode: DeliveryMode,
	options: DeliveryOptions,
	watch: Watch,
): Promise<Delivery> {
	const { force = false, fsync = true, dryRun = false, chunkByteLength, threads } = options;
	const isRemote = product.inputs.some(({ files }) => files.some(({ source }) => source.descriptor === undefined));
	const most = mostThreads({ isRemote, threads });
	const plan = planOutput(product, mode.digests);
	const outline = outlineOf(product, plan);
	const notices = await rivalNotices(product.target, outline.files);
	await refuseClashes(product.target, outline.files, { inputs: await identitiesOf(product.inputs), force });
	const planned: Delivery = {
		dryRun,
		...outline,
		threads: most,
		peakMemory: peakMemory(most, product.subjects.length, headerBytes(product), isRemote),
		digests: undefined,
		fileDigests: undefined,
		notices,
	};
	if (dryRun) return planned;
	const written = await produce(product, plan, { ...mode, force, fsync, threads, chunkByteLength }, watch);
	const { recipe, digests, fileDigests } = written;
	return { ...planned, recipe, digests, fileDigests, notices: [...notices, ...written.notices] };
}

/** Names and bytes of what is to be written. */
function outlineOf({ target, smallFiles }: Product, { recipe, weightSet: { files, indexes } }: PlannedOutput) {
	const sidecars = target.kind === "folder" ? [RECIPE_FILE] : [];
	return {
		recipe,
		files: [...files, ...smallFiles, ...indexes].map(({ name }) => name).toSpliced(files.length, 0, ...sidecars),
		byteLength: files.reduce((sum, { byteLength }) => sum + byteLength, 0),
	};
}

function headerBytes({ inputs }: Product): number {
	return inputs.flatMap(({ files }) => files).reduce((sum, { headerByteLength }) => sum + headerByteLength, 0);
}

/** Names weight files of an existing folder that stay beside the new ones: a library may load them instead. */
async function rivalNotices(target: OutputTarget, files: readonly string[]): Promise<string[]> {
	if (target.kind === "file" || !target.exists) return [];
	const written = new Set(files);
	const folders = new Set(files.filter(isWeightFile).map((name) => dirname(name)));
	const notices: string[] = [];
	for (const folder of folders) {
		const names = await readdir(join(target.path, folder)).catch(() => []);
		const rivals = names.filter((name) => isWeightFile(name) && !written.has(join(folder, name)));
		if (rivals.length > 0)
			notices.push(`${rivals.join(", ")} stays beside the new weights: a library may load it instead`);
	}
	return notices;
}
