import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ClipModel } from "../checkpoint/model.ts";
import type { StoredName } from "../layouts/assemble.ts";
import { type CanonicalDigest, canonicalDigestOf } from "../layouts/canonical-digest.ts";
import type { ListedFile, Watch } from "../progress.ts";
import { type DigestedTensor, modelDigest } from "../tensor/model-digest.ts";
import { type CanonicalDigested, planCanonicalReading } from "./census-canonical.ts";
import { readBytes, type Statistics, tensorStep } from "./census-pass.ts";
import { storedKey, storedTensors, weightFileLabel } from "./census-tensors.ts";
import { requireListed } from "./feed-digest.ts";
import { digestSource } from "./file-digest.ts";
import { sourceNumbers, sourcesOf } from "./plan.ts";

/** What is counted: files that are open, and the CLIP in them if they hold one. */
export interface CensusSubject {
	readonly checkpoints: readonly Checkpoint[];
	readonly model: ClipModel | undefined;
}

/** A stored tensor and what its bytes tell. */
export interface CensusTensor extends DigestedTensor {
	/** Number of its checkpoint. */
	readonly folder: number;
	/** Name of its weight file, with its folder where there are several. */
	readonly file: string;
	readonly byteLength: number;
	/** Of a float tensor. */
	readonly statistics: Statistics | undefined;
}

/** A weight file as a whole. */
export interface CensusFile {
	/** Its name, with its folder where there are several. */
	readonly path: string;
	readonly size: number;
	/** 64 lower-case hex digits. */
	readonly sha256: string;
	/** Whether only the Hub tells the digest: the bytes came in another order, and were not read a second time for it. */
	readonly isListed: boolean;
}

/** What the bytes of a model tell. */
export interface Census {
	/** Over the stored tensors. */
	readonly modelDigest: string;
	/** Undefined, as `canonical`, if the files hold no CLIP. */
	readonly canonicalDigest: CanonicalDigest | undefined;
	/** In the order of the data. */
	readonly tensors: readonly CensusTensor[];
	readonly canonical: readonly CanonicalDigested[] | undefined;
	/** Stored projection biases that OpenCLIP has no place for and that are not 0. */
	readonly trainedBiases: readonly StoredName[];
	/** Undefined if they were not asked for. */
	readonly files: readonly CensusFile[] | undefined;
}

export interface CensusOptions {
	/** Worker threads. Default: the processors, at most 2. */
	readonly threads?: number | undefined;
	/**
	 * Digest weight files as a whole too, which is a second reading, in order and in one thread; but of files on the Hub it
	 * is taken in the same pass, or where that reads in another order, from what the Hub lists. Default false.
	 */
	readonly files?: boolean | undefined;
}

/**
 * Digests and statistics of every tensor, stored and canonical, in one streaming pass and bounded memory.
 *
 * @throws {ClipSoupError} ERR_INPUT_CHANGED if a file was written to meanwhile, ERR_IO, ERR_FILE_TRUNCATED
 */
export async function takeCensus(
	{ checkpoints, model }: CensusSubject,
	{ threads, files = false }: CensusOptions = {},
	watch: Watch = {},
): Promise<Census> {
	const sourceOf = sourceNumbers(checkpoints);
	const stored = storedTensors(checkpoints, model?.reading.ignored).map((tensor) => {
		const { dtype, byteLength, folder, file, position } = tensor;
		return { ...tensor, step: tensorStep(dtype, byteLength, { source: sourceOf(folder, file), position }) };
	});
	const fileSources = sourcesOf(checkpoints);
	const canonicalReading = model && planCanonicalReading(model, stored, fileSources.length);
	const known = new Map<ListedFile, string>();
	const { onFileDigest = requireListed } = watch;
	const noting: Watch = {
		...watch,
		onFileDigest: (file, sha256) => {
			known.set(file, sha256);
			onFileDigest(file, sha256);
		},
	};
	const read = await readBytes(
		[...stored.map(({ step }) => step), ...(canonicalReading?.steps ?? [])],
		{ phase: "read", sources: [...fileSources, ...(canonicalReading?.sources ?? [])], threads },
		noting,
	);
	const fileDigests = files ? await digestFiles(checkpoints, known, watch.signal) : undefined;
	for (const checkpoint of checkpoints) await checkpoint.assertUnchanged();
	const tensors = stored.map(({ name, dtype, shape, folder, file, byteLength }, row): CensusTensor => {
		const { sha256 = "", statistics } = read[row] ?? {};
		return {
			name,
			dtype,
			shape,
			sha256,
			folder,
			file: weightFileLabel(checkpoints, folder, file),
			byteLength,
			statistics,
		};
	});
	const canonical = canonicalReading?.finish(read.slice(0, stored.length), read.slice(stored.length));
	const zeros = new Set(model?.reading.zeros.map(storedKey));
	return {
		modelDigest: modelDigest(tensors),
		canonicalDigest: canonical && canonicalDigestOf(canonical),
		tensors,
		canonical,
		trainedBiases: stored.flatMap(({ folder, name }, row) => {
			const { statistics } = read[row] ?? {};
			if (statistics === undefined || statistics.zeros === statistics.elements) return [];
			return zeros.has(storedKey({ folder, name })) ? [{ folder, name }] : [];
		}),
		files: fileDigests,
	};
}

/** @param known digests that the pass over the bytes has taken already */
async function digestFiles(
	checkpoints: readonly Checkpoint[],
	known: ReadonlyMap<ListedFile, string>,
	signal: AbortSignal | undefined,
): Promise<readonly CensusFile[]> {
	const digested: CensusFile[] = [];
	for (const [folder, { files }] of checkpoints.entries()) {
		for (const [file, { source }] of files.entries()) {
			const { listedSha256, byteLength: size } = source;
			const taken = known.get(source);
			const sha256 = taken ?? listedSha256 ?? (await digestSource(source, signal)).replace("sha256:", "");
			const isListed = taken === undefined && listedSha256 !== undefined;
			digested.push({ path: weightFileLabel(checkpoints, folder, file), size, sha256, isListed });
		}
	}
	return digested;
}
