import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { ByteSource } from "../bytes/byte-source.ts";
import { type Folder, LocalFolder } from "../bytes/folder.ts";
import { readSmallFile } from "../bytes/small-file.ts";
import { FaultsError, isClipSoupError, throwFaults } from "../errors.ts";
import { Hub } from "../hub/hub.ts";
import { isHubReference, parseHubReference } from "../hub/reference.ts";
import { weightFileName } from "../layouts/detect.ts";
import { checkShards } from "../safetensors/check-shards.ts";
import { type LocatedHeader, readHeader } from "../safetensors/read-header.ts";
import { MAX_INDEX_BYTE_LENGTH, parseShardIndex } from "../safetensors/shard-index.ts";
import { Checkpoint, type CheckpointTensor } from "./checkpoint.ts";
import { chooseWeightFile } from "./weight-files.ts";

const INDEX_SUFFIX = ".safetensors.index.json";

interface OpenFile extends LocatedHeader {
	readonly source: ByteSource;
	readonly name: string;
}

/**
 * Opens a checkpoint and checks its headers: a `.safetensors` file, a shard index, or a folder that holds either; on this
 * machine, or on the Hub as `hf:org/name[@revision][:path]`.
 *
 * Reads headers only. Close the result (`await using`), which holds its files open.
 * @throws {ClipSoupError} whatever is wrong with the file, see `docs/errors.md`
 * @example
 * await using checkpoint = await openCheckpoint("soup/");
 * console.log(checkpoint.tensors.size, checkpoint.layout);
 */
export async function openCheckpoint(path: string, hub: Hub = new Hub()): Promise<Checkpoint> {
	const place = await locate(path, hub);
	const choice = place.file === undefined ? await chooseWeightFile(place.folder) : { name: place.file, ignored: [] };
	const isIndex = choice.name.endsWith(INDEX_SUFFIX);
	const several = `"${path}" holds several weight files: ${choice.name} is used, not ${choice.ignored.join(", ")}`;
	const { files, metadata } = await (isIndex ? openShards : openSingle)(place.folder, choice.name);
	const folder = place.file === undefined || isIndex ? place.folder : undefined;
	// Beside a file that has the name libraries look for lies the configuration that they would load it with.
	const isOwn = WEIGHT_NAMES.includes(choice.name) && place.folder.origin === undefined;
	return new Checkpoint({
		path,
		name: place.name,
		folder,
		configFolder: folder ?? (isOwn ? place.folder : undefined),
		origin: place.folder.origin,
		files: files.map(({ source, name, headerSha256, headerByteLength }) => ({
			source,
			name,
			headerSha256,
			headerByteLength,
		})),
		tensors: locateTensors(files),
		metadata,
		notices: [...(choice.ignored.length === 0 ? [] : [several]), ...hub.takeNotices()],
	});
}

/** Names under which libraries look for the weights of a folder. */
const WEIGHT_NAMES = [weightFileName("openclip"), weightFileName(undefined)];

/** What a path given by the user leads to. */
export interface Place {
	readonly folder: Folder;
	/** Name of the file that was given; undefined if it was a folder. */
	readonly file: string | undefined;
	/** As `givenName` tells it. */
	readonly name: string;
}

/** The base name of what a user gave; of a repository on the Hub its own, without the revision. */
export function givenName(path: string): string {
	if (!isHubReference(path)) return basename(resolve(path));
	const { id, path: inside } = parseHubReference(path);
	return basename(inside ?? id);
}

/** The bytes of a small file that the user names, on this machine or on the Hub; undefined if there is none. */
export async function readGivenFile(path: string, hub: Hub): Promise<Buffer | undefined> {
	if (!isHubReference(path)) return readSmallFile(path);
	const { folder, file } = await hub.open(parseHubReference(path));
	return file === undefined ? undefined : folder.readSmall(file);
}

/** Finds the folder that a path or a reference to the Hub leads to, and the file in it. */
export async function locate(path: string, hub: Hub): Promise<Place> {
	if (isHubReference(path)) {
		const reference = parseHubReference(path);
		return { ...(await hub.open(reference)), name: givenName(path) };
	}
	const name = givenName(path);
	const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
	return isFolder
		? { folder: new LocalFolder(path), file: undefined, name }
		: { folder: new LocalFolder(dirname(path)), file: basename(path), name };
}

/**
 * Opens several checkpoints and tells the faults of all of them at once.
 *
 * @throws {ClipSoupError} the only fault, or a `FaultsError`; no file is left open then
 */
export async function openCheckpoints(paths: readonly string[], hub: Hub = new Hub()): Promise<Checkpoint[]> {
	return (await openAll(paths, async (path) => [await openCheckpoint(path, hub)])).flat();
}

/** As `openCheckpoints`, for inputs of which each may be made of several checkpoints. */
export async function openAll(
	paths: readonly string[],
	open: (path: string) => Promise<Checkpoint[]>,
): Promise<Checkpoint[][]> {
	const opened: Checkpoint[][] = [];
	const errors: unknown[] = [];
	// One after the other: what parsing a large header leaves behind is gone before the next one comes.
	for (const path of paths)
		await open(path).then(
			(checkpoints) => opened.push(checkpoints),
			(error) => errors.push(error),
		);
	if (errors.length > 0) await closeAll(opened.flat());
	throwAll("Cannot open all inputs", errors);
	return opened;
}

async function openFile(folder: Folder, name: string): Promise<OpenFile> {
	const source = await folder.open(name);
	try {
		return { source, name: basename(name), ...(await readHeader(source)) };
	} catch (error) {
		await source.close();
		throw error;
	}
}

interface OpenWeights {
	readonly files: readonly OpenFile[];
	readonly metadata: ReadonlyMap<string, string>;
}

async function openSingle(folder: Folder, name: string): Promise<OpenWeights> {
	const file = await openFile(folder, name);
	return { files: [file], metadata: file.header.metadata };
}

/** Opens all shards of an index. The metadata is the index's, with what all shards say alike. */
async function openShards(folder: Folder, name: string): Promise<OpenWeights> {
	const path = folder.nameOf(name);
	const index = parseShardIndex(await readWhole(folder, name), path);
	const outcomes = await Promise.allSettled(index.shards.map((shard) => openFile(folder, shard)));
	const files = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
	try {
		throwAll(
			"Cannot open all shards",
			outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : [])),
		);
		const headers = new Map(files.map(({ header }, number) => [index.shards[number] ?? "", header]));
		throwFaults(`Cannot use "${path}"`, checkShards(index, headers));
		const common = commonEntries(files.map(({ header }) => header.metadata));
		return { files, metadata: new Map([...index.metadata, ...common]) };
	} catch (error) {
		await Promise.all(files.map(({ source }) => source.close()));
		throw error;
	}
}

async function readWhole(folder: Folder, name: string): Promise<Buffer> {
	await using source = await folder.open(name);
	// One byte over the limit is enough for the parser to refuse it, whatever the file says of its length.
	const bytes = Buffer.alloc(Math.min(source.byteLength, MAX_INDEX_BYTE_LENGTH + 1));
	await source.read(0, bytes);
	return bytes;
}

/** Throws clip-soup's own errors together, fault by fault; anything else is a bug and is thrown as it is. */
export function throwAll(message: string, errors: readonly unknown[]): void {
	const bug = errors.find((error) => !isClipSoupError(error));
	if (bug !== undefined) throw bug;
	throwFaults(
		message,
		errors.filter(isClipSoupError).flatMap((error) => (error instanceof FaultsError ? error.faults : [error])),
	);
}

function locateTensors(files: readonly OpenFile[]): Map<string, CheckpointTensor> {
	const tensors = new Map<string, CheckpointTensor>();
	for (const [file, { header, dataStart }] of files.entries()) {
		for (const { name, dtype, shape, begin, end } of header.tensors) {
			tensors.set(name, { name, dtype, shape, file, position: dataStart + begin, byteLength: end - begin });
		}
	}
	return tensors;
}

/** Entries that all maps have alike, in the order of the first. */
export function commonEntries(maps: readonly ReadonlyMap<string, string>[]): Map<string, string> {
	const [first, ...others] = maps;
	return new Map([...(first ?? [])].filter(([key, value]) => others.every((other) => other.get(key) === value)));
}

/** Closes checkpoints; `await using` for a list of them. */
export async function closeAll(checkpoints: readonly Checkpoint[]): Promise<void> {
	await Promise.all(checkpoints.map((checkpoint) => checkpoint[Symbol.asyncDispose]()));
}
