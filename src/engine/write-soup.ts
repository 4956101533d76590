import { writeFully } from "../bytes/descriptor.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { throwFaults } from "../errors.ts";
import type { LinearWeights } from "../merge-methods/linear.ts";
import { requireFreeSpace } from "../output/space.ts";
import { type StagedFile, Staging } from "../output/staging.ts";
import { type OutputTarget, targetFolder } from "../output/target.ts";
import type { Progress, Watch } from "../progress.ts";
import type { Recipe } from "../recipe.ts";
import { digestFile } from "./file-digest.ts";
import { MergeFindings } from "./merge-faults.ts";
import { type MergedTensor, planMerge } from "./merge-plan.ts";
import { runPass } from "./pass.ts";
import { type ModelDigests, unknownDigests } from "./provenance.ts";
import { DigestCollector, modelDigestsOf, type SoupDigests } from "./soup-digests.ts";
import type { SmallFile, WeightSet } from "./soup-files.ts";

/** A soup that passed all checks on headers: what is to be read and written, and where. */
export interface Soup {
	readonly inputs: readonly Checkpoint[];
	readonly tensors: readonly MergedTensor[];
	readonly weights: LinearWeights;
	readonly target: OutputTarget;
	/** The recipe; with digests once they are known. */
	readonly recipe: (digests?: ModelDigests) => Recipe;
	/** Weight files for a recipe; recipes of one length give the same offsets. */
	readonly weightSet: (recipe: Recipe) => WeightSet;
	/** Configuration and tokenizer files, in the order they are to appear. */
	readonly companions: readonly SmallFile[];
}

export interface WriteOptions {
	readonly force: boolean;
	readonly fsync: boolean;
	readonly allowNonFinite: boolean;
	readonly digests: boolean;
	readonly fileDigests: boolean;
	readonly threads: number | undefined;
	readonly chunkByteLength: number | undefined;
}

/** SHA-256 of a whole file, `sha256:` and 64 hex digits. */
export interface FileDigest {
	readonly name: string;
	readonly sha256: string;
}

/** Whole-file digests: for each input its weight files, and those of the output. */
export interface FileDigests {
	readonly inputs: readonly (readonly FileDigest[])[];
	readonly output: readonly FileDigest[];
}

export interface WrittenSoup {
	readonly recipe: Recipe;
	readonly files: readonly { readonly name: string; readonly byteLength: number }[];
	readonly digests: SoupDigests | undefined;
	readonly fileDigests: FileDigests | undefined;
	readonly notices: readonly string[];
}

/** Name of the readable recipe beside the weights of a folder output. */
export const RECIPE_FILE = "soup.json";

/**
 * Averages and writes a soup: the data first, at its final offsets; then headers and small files; then all names at once.
 *
 * @throws {ClipSoupError} ERR_NON_FINITE, ERR_OVERFLOW, ERR_VALUE_MISMATCH, ERR_INPUT_CHANGED, ERR_NO_SPACE, ERR_IO …
 */
export async function writeSoup(soup: Soup, options: WriteOptions, watch: Watch): Promise<WrittenSoup> {
	const { inputs, target } = soup;
	const planned = soup.weightSet(soup.recipe(options.digests ? unknownDigests(inputs) : undefined));
	const total = planned.files.reduce((sum, { byteLength }) => sum + byteLength, 0);
	await requireFreeSpace(targetFolder(target), total);

	await using staging = await Staging.open(target, options);
	const staged = planned.files.map(({ name, byteLength }) => staging.add(name, byteLength));
	const { digests, notices } = await averageInto(soup, planned, staged, options, watch);

	const recipe = soup.recipe(digests && modelDigestsOf(digests));
	const final = soup.weightSet(recipe);
	writeHeaders(planned, final, staged);
	const announce = (phase: Progress["phase"]) => {
		const [tensorsTotal, bytesTotal] = [soup.tensors.length, total];
		watch.onProgress?.({ phase, tensorsDone: tensorsTotal, tensorsTotal, bytesDone: bytesTotal, bytesTotal });
	};
	if (options.fileDigests) announce("digest");
	const fileDigests = options.fileDigests ? await digestFiles(inputs, staged, watch.signal) : undefined;
	if (target.kind === "folder") {
		staging.addBytes(
			RECIPE_FILE,
			jsonFile({ ...recipe, ...(digests && { digests }), ...(fileDigests && { fileDigests }) }),
		);
		for (const { name, bytes } of soup.companions) staging.addBytes(name, bytes);
	}
	if (final.index) staging.addBytes(final.index.name, final.index.bytes);
	for (const input of inputs) await input.assertUnchanged();
	if (options.fsync) announce("sync");
	await staging.commit(watch.signal);
	return { recipe, files: staged.map(({ name, byteLength }) => ({ name, byteLength })), digests, fileDigests, notices };
}

/** Runs the pass over the bytes and throws what it found wrong in them. */
async function averageInto(
	{ inputs, tensors, weights }: Soup,
	planned: WeightSet,
	staged: readonly StagedFile[],
	options: WriteOptions,
	watch: Watch,
): Promise<{ readonly digests: SoupDigests | undefined; readonly notices: readonly string[] }> {
	const plan = planMerge(inputs, tensors, planned.files, { weights, digestUnread: options.digests });
	const findings = new MergeFindings(inputs, plan);
	const collector = options.digests ? new DigestCollector(inputs, plan) : undefined;
	await runPass(
		{
			operations: plan.operations,
			steps: plan.steps,
			phase: "average",
			sources: inputs.flatMap(({ files }) => files.map(({ source }) => source)),
			outputs: staged,
			threads: options.threads,
			chunkByteLength: options.chunkByteLength,
			digests: options.digests,
			onResult: (step, result) => findings.add(step, result),
			onDigests: (step, digests) => collector?.add(step, digests),
		},
		watch,
	);
	throwFaults("Cannot average these inputs", await findings.faults(options));
	return { digests: collector?.result(), notices: findings.notices() };
}

/** Writes the final headers, which must end where the data, written before, begins. */
function writeHeaders(planned: WeightSet, final: WeightSet, staged: readonly StagedFile[]): void {
	for (const [number, { name, header, dataStart }] of final.files.entries()) {
		const file = staged[number];
		if (file === undefined || dataStart !== planned.files[number]?.dataStart) {
			throw new Error(`The header of ${name} changed its length while the data was written`);
		}
		writeFully(file.descriptor, header, 0, name);
	}
}

async function digestFiles(
	inputs: readonly Checkpoint[],
	staged: readonly StagedFile[],
	signal: AbortSignal | undefined,
): Promise<FileDigests> {
	const digestAll = async (files: readonly { readonly name: string; readonly descriptor: number }[]) => {
		const digests: FileDigest[] = [];
		for (const { name, descriptor } of files) digests.push({ name, sha256: await digestFile(descriptor, signal) });
		return digests;
	};
	const ofInputs: FileDigest[][] = [];
	for (const { files } of inputs)
		ofInputs.push(await digestAll(files.map(({ name, source: { descriptor } }) => ({ name, descriptor }))));
	return { inputs: ofInputs, output: await digestAll(staged) };
}

function jsonFile(value: unknown): Buffer {
	return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}
