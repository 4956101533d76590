import { dirname, join, relative, sep } from "node:path";
import { describeArchitecture } from "./architectures/describe.ts";
import type { ByteSource } from "./bytes/byte-source.ts";
import { writeFully } from "./bytes/descriptor.ts";
import { identitiesOf } from "./checkpoint/identities.ts";
import { downloadWeights, holdCheckpoints } from "./checkpoint/local-copy.ts";
import { type ClipModel, type ModelOptions, openModelFiles, partOf, readModel, towersIn } from "./checkpoint/model.ts";
import { findSessionFiles, type SessionFiles } from "./checkpoint/session-files.ts";
import { ClipSoupError } from "./errors.ts";
import { Hub } from "./hub/hub.ts";
import { buildClipGraph, GRAPH_TOWERS, type GraphTower } from "./onnx/clip.ts";
import { assertRunnable } from "./onnx/forward.ts";
import { assertLoads } from "./onnx/session.ts";
import type { ResolvedReference } from "./origin.ts";
import { Staging } from "./output/staging.ts";
import { type FileTarget, refuseClashes, resolveFileTarget } from "./output/target.ts";
import type { Watch } from "./progress.ts";

/** Options of `exportOnnx`; all have the defaults of the command line. */
export interface ExportOnnxOptions extends ModelOptions {
	/** The `.onnx` file. */
	readonly output: string;
	/** One tower only. Default: all that the model has. */
	readonly tower?: GraphTower | undefined;
	/** Copy weights that are on the Hub to a temporary folder while it runs, without which they are refused. Default false. */
	readonly download?: boolean | undefined;
	/** Replace output files that exist. Default false. */
	readonly force?: boolean | undefined;
	/** Sync to the disk before the output appears. Default true. */
	readonly fsync?: boolean | undefined;
}

/** What was exported. */
export interface ExportOnnxResult {
	readonly output: string;
	/** Names of all files that were written, in the folder of the output. */
	readonly files: readonly string[];
	readonly towers: readonly GraphTower[];
	readonly description: string;
	/** Where the weights lie, relative to the `.onnx` file. */
	readonly weights: readonly string[];
	/** Bytes of weights that were copied; 0 if the graph points into the model's own files. */
	readonly copiedByteLength: number;
	/** What was read of the Hub, at which commit. */
	readonly origins: readonly ResolvedReference[];
	readonly notices: readonly string[];
}

/**
 * Exports the forward pass as an ONNX model whose weights are external data in safetensors files.
 *
 * ONNX takes external data from the folder of the `.onnx` file and below. Weights that lie there are pointed at; others are
 * copied beside it, as safetensors.
 * @throws {ClipSoupError} with a stable `code`, see docs/errors.md; the signal's reason when aborted
 * @example
 * const { files } = await exportOnnx("soup/", { output: "soup/model.onnx" });
 */
export async function exportOnnx(
	path: string,
	options: ExportOnnxOptions,
	watch: Watch = {},
): Promise<ExportOnnxResult> {
	const { output } = options;
	if (!output.endsWith(".onnx")) {
		throw new ClipSoupError("ERR_USAGE", `Cannot write "${output}": expected a name that ends in .onnx`, {
			fix: "name the file with -o: -o model.onnx",
		});
	}
	const hub = new Hub(watch);
	const opened = await openModelFiles(path, options.text, hub);
	await using held = options.download ? await downloadWeights(opened, watch) : holdCheckpoints(opened);
	const model = await readModel(path, held.checkpoints, options, hub);
	const exported = await exportModel({ model, temporaryFolder: held.temporaryFolder }, options, watch);
	return { ...exported, origins: hub.origins };
}

async function exportModel(
	{ model, temporaryFolder }: { readonly model: ClipModel; readonly temporaryFolder: string | undefined },
	options: ExportOnnxOptions,
	{ signal }: Watch,
): Promise<Omit<ExportOnnxResult, "origins">> {
	const { output, force = false, fsync = true } = options;
	const { path, checkpoints } = model;
	const present = towersIn(model.tensors);
	const towers = GRAPH_TOWERS.filter((tower) => present.has(tower) && (options.tower ?? tower) === tower);
	if (towers.length === 0) throw noTower(path, options.tower);
	const architecture = partOf(model, present);
	for (const tower of towers) await assertRunnable(model, architecture, tower);

	const target = await resolveFileTarget(output);
	const found = await findSessionFiles(model, [...towers, "joint"]);
	const isKept = ({ file }: ByteSource) =>
		temporaryFolder === undefined || dirname(file?.path ?? "") !== temporaryFolder;
	const { files, copies } = placeWeights(found, checkpoints.flatMap(filesOf), { ...target, isKept });
	const names = [...copies.map(({ name }) => name), target.name];
	await refuseClashes(target, names, { inputs: await identitiesOf(checkpoints), force });
	// Loaded with the weights where they are now: what is wrong with the graph is known before there is an output.
	await assertLoads(buildClipGraph(model, architecture, towers, found), found.folder);

	await using staging = await Staging.open(target, { force, fsync });
	for (const { name, source } of copies) {
		await copyInto(staging.add(name, source.byteLength).descriptor, source, signal);
	}
	staging.addBytes(target.name, buildClipGraph(model, architecture, towers, files));
	await staging.commit(signal);
	return {
		output,
		files: names,
		towers,
		description: describeArchitecture(architecture),
		weights: [...files.realPaths.values()].map((one) => relative(target.folder, one).split(sep).join("/")),
		copiedByteLength: copies.reduce((sum, { source }) => sum + source.byteLength, 0),
		notices: model.notices,
	};
}

function filesOf({ files }: { readonly files: readonly { readonly source: ByteSource }[] }): ByteSource[] {
	return files.map(({ source }) => source);
}

interface Copy {
	readonly name: string;
	readonly source: ByteSource;
}

/** Where the weights will lie as seen from the output's folder, and which files have to be copied for it. */
function placeWeights(
	{ realPaths }: SessionFiles,
	sources: readonly ByteSource[],
	{ folder, name: output, isKept }: FileTarget & { readonly isKept: (source: ByteSource) => boolean },
): { readonly files: SessionFiles; readonly copies: readonly Copy[] } {
	const isOutside = (path: string) => relative(folder, path).split(sep)[0] === "..";
	const sourceAt = (opened: string) => sources.find(({ file }) => file?.path === opened);
	const outside = [...realPaths].filter(([opened, path]) => {
		const source = sourceAt(opened);
		return isOutside(path) || (source !== undefined && !isKept(source));
	});
	const copies = outside.flatMap(([opened], index): Copy[] => {
		const source = sourceAt(opened);
		const part = outside.length === 1 ? "" : `-${index + 1}-of-${outside.length}`;
		return source === undefined ? [] : [{ name: `${output}${part}.safetensors`, source }];
	});
	const moved = new Map(copies.map(({ name, source }) => [source.file?.path, join(folder, name)]));
	const places = new Map([...realPaths].map(([opened, path]) => [opened, moved.get(opened) ?? path]));
	return { files: { folder, realPaths: places }, copies };
}

/** Bytes that are copied at a time. */
const PIECE_BYTE_LENGTH = 8 * 2 ** 20;

async function copyInto(descriptor: number, source: ByteSource, signal: AbortSignal | undefined): Promise<void> {
	const buffer = new Uint8Array(Math.min(PIECE_BYTE_LENGTH, source.byteLength));
	for (let position = 0; position < source.byteLength; position += buffer.byteLength) {
		signal?.throwIfAborted();
		const piece = buffer.subarray(0, Math.min(buffer.byteLength, source.byteLength - position));
		await source.read(position, piece);
		writeFully(descriptor, piece, position);
	}
	await source.assertUnchanged();
}

function noTower(path: string, tower: GraphTower | undefined): ClipSoupError {
	const wanted = tower === undefined ? "image or text tower" : `${tower} tower`;
	return new ClipSoupError("ERR_TENSOR_MISSING", `Cannot export "${path}": found no ${wanted}, expected one`, {
		fix: "leave --tower out, or give a model that has it",
	});
}
