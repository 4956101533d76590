import { dirname } from "node:path";
import { writeFully } from "../bytes/descriptor.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { throwFaults } from "../errors.ts";
import { requireFreeSpace } from "../output/space.ts";
import { type StagedFile, Staging } from "../output/staging.ts";
import { type OutputTarget, targetFolder } from "../output/target.ts";
import type { Progress, Watch } from "../progress.ts";
import type { Recipe } from "../recipe.ts";
import { digestStored } from "./digest-pass.ts";
import { type CheckpointsDigests, DigestCollector, modelDigestsOf } from "./digests.ts";
import { digestFile, digestSource } from "./file-digest.ts";
import { type FindingInput, Findings } from "./findings.ts";
import { runPass } from "./pass.ts";
import type { Plan } from "./plan.ts";
import { type ModelDigests, unknownDigests } from "./provenance.ts";
import type { PlannedFile, SmallFile, WeightSet } from "./weight-files.ts";

/** An input, which may be made of several folders. */
export interface ProductInput extends FindingInput {
	readonly checkpoints: readonly Checkpoint[];
}

/** An output that passed all checks on headers: what is to be read and written, and where. */
export interface Product {
	/** Every file and folder that is read. */
	readonly inputs: readonly Checkpoint[];
	/** The inputs as findings speak of them: one may be made of several folders. */
	readonly subjects: readonly ProductInput[];
	/** Whether each step is about a whole stored tensor, so that digests can be taken in the same pass. */
	readonly isWhole: boolean;
	readonly target: OutputTarget;
	/** The recipe; with digests once they are known. */
	readonly recipe: (digests?: ModelDigests) => Recipe;
	/** Weight files for a recipe; recipes of one length give the same offsets. */
	readonly weightSet: (recipe: Recipe) => WeightSet;
	/** The steps that fill these files, which are those of the weight set. */
	readonly plan: (files: readonly PlannedFile[]) => Plan;
	/** Configuration and tokenizer files, in the order they are to appear. */
	readonly smallFiles: readonly SmallFile[];
}

export interface ProduceOptions {
	/** What progress calls the pass over the bytes. */
	readonly phase: Progress["phase"];
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

export interface Produced {
	readonly recipe: Recipe;
	readonly files: readonly { readonly name: string; readonly byteLength: number }[];
	readonly digests: CheckpointsDigests | undefined;
	readonly fileDigests: FileDigests | undefined;
	readonly notices: readonly string[];
}

/** Name of the readable recipe beside the weights of a folder output. */
export const RECIPE_FILE = "soup.json";

/** A recipe and the weight files laid out for it; digests that are not known yet are stood for. */
export interface PlannedOutput {
	readonly recipe: Recipe;
	readonly weightSet: WeightSet;
}

export function planOutput(product: Product, digests: boolean): PlannedOutput {
	const recipe = product.recipe(digests ? unknownDigests(product.subjects) : undefined);
	return { recipe, weightSet: product.weightSet(recipe) };
}

/**
 * Writes an output: the data first, at its final offsets; then headers and small files; then all names at once.
 *
 * @throws {ClipSoupError} ERR_NON_FINITE, ERR_OVERFLOW, ERR_VALUE_MISMATCH, ERR_INPUT_CHANGED, ERR_NO_SPACE, ERR_IO …
 */
export async function produce(
	product: Product,
	planned: PlannedOutput,
	options: ProduceOptions,
	watch: Watch,
): Promise<Produced> {
	const { inputs, target } = product;
	const total = planned.weightSet.files.reduce((sum, { byteLength }) => sum + byteLength, 0);
	await requireFreeSpace(targetFolder(target), total);

	const folders = new Set([...planned.weightSet.files, ...product.smallFiles].map(({ name }) => dirname(name)));
	await using staging = await Staging.open(target, {
		...options,
		folders: [...folders].filter((name) => name !== "."),
	});
	const staged = planned.weightSet.files.map(({ name, byteLength }) => staging.add(name, byteLength));
	const { digests, notices } = await staging.whileWriting(() =>
		fill(product, planned.weightSet, staged, options, watch),
	);

	const recipe = digests === undefined ? planned.recipe : product.recipe(modelDigestsOf(digests));
	const final = digests === undefined ? planned.weightSet : product.weightSet(recipe);
	writeHeaders(planned.weightSet, final, staged);
	const announce = (phase: Progress["phase"]) => {
		const tensorsTotal = planned.weightSet.files.reduce((sum, { tensors }) => sum + tensors.length, 0);
		watch.onProgress?.({ phase, tensorsDone: tensorsTotal, tensorsTotal, bytesDone: total, bytesTotal: total });
	};
	if (options.fileDigests) announce("digest");
	const fileDigests = options.fileDigests ? await digestFiles(inputs, staged, watch.signal) : undefined;
	if (target.kind === "folder") {
		staging.addBytes(
			RECIPE_FILE,
			jsonFile({ ...recipe, ...(digests && { digests }), ...(fileDigests && { fileDigests }) }),
		);
	}
	for (const { name, bytes } of [...product.smallFiles, ...final.indexes]) staging.addBytes(name, bytes);
	for (const input of inputs) await input.assertUnchanged();
	if (options.fsync) announce("sync");
	await staging.commit(watch.signal);
	return { recipe, files: staged.map(({ name, byteLength }) => ({ name, byteLength })), digests, fileDigests, notices };
}

/** Runs the pass over the bytes and throws what it found wrong in them. */
async function fill(
	product: Product,
	planned: WeightSet,
	staged: readonly StagedFile[],
	options: ProduceOptions,
	watch: Watch,
): Promise<{ readonly digests: CheckpointsDigests | undefined; readonly notices: readonly string[] }> {
	const { operations, steps, subjects, sources } = product.plan(planned.files);
	const findings = new Findings(product.subjects, subjects);
	const collector = options.digests && product.isWhole ? new DigestCollector(product.inputs, subjects) : undefined;
	const unchecked = await runPass(
		{
			operations,
			steps,
			sources,
			phase: options.phase,
			outputs: staged,
			threads: options.threads,
			chunkByteLength: options.chunkByteLength,
			digests: collector !== undefined,
			onResult: (step, result) => findings.add(step, result),
			onDigests: (step, digests) => collector?.add(step, digests),
		},
		watch,
	);
	throwFaults("Cannot use these inputs", await findings.faults(options));
	const digests =
		options.digests && collector === undefined
			? await digestStored(product.subjects, { planned, staged }, options, watch)
			: collector?.result();
	return { digests, notices: [...findings.notices(), ...unchecked.map(uncheckedNotice)] };
}

function uncheckedNotice(name: string): string {
	return `"${name}" was not read from its start to its end: its bytes are not compared with the SHA-256 that the Hub lists`;
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
	const ofInputs: FileDigest[][] = [];
	for (const { files } of inputs) {
		const digests: FileDigest[] = [];
		for (const { name, source } of files) digests.push({ name, sha256: await digestSource(source, signal) });
		ofInputs.push(digests);
	}
	const output: FileDigest[] = [];
	for (const { name, descriptor } of staged) output.push({ name, sha256: await digestFile(descriptor, signal) });
	return { inputs: ofInputs, output };
}

function jsonFile(value: unknown): Buffer {
	return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}
