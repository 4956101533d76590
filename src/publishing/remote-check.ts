import { createHash } from "node:crypto";
import type { ByteSource } from "../bytes/byte-source.ts";
import { openLocalFile } from "../bytes/local-file.ts";
import type { Checkpoint, CheckpointTensor } from "../checkpoint/checkpoint.ts";
import type { Subject } from "../checks/subject.ts";
import type { Connection } from "../hub/connection.ts";
import { RemoteFile } from "../hub/remote-file.ts";
import { type HubFile, pathsInfo, rawUrl, resolveUrl } from "../hub/repository.ts";
import type { Watch } from "../progress.ts";
import { isSame } from "./compare.ts";
import type { OutgoingFile } from "./local-file.ts";
import { MemorySource } from "./memory-source.ts";
import { TransferProgress } from "./transfer-progress.ts";

/** How much of what was committed is read back. */
export type RemoteDepth =
	| { readonly kind: "header" }
	| { readonly kind: "sample"; readonly count: number }
	| { readonly kind: "full" };

/** What was read back and found equal. */
export interface RemoteCheck {
	/** `header`, `sample:16`, `full` */
	readonly depth: string;
	/** By which tensors were chosen. */
	readonly seed: number;
	/** Files whose names, sizes and digests the Hub told alike. */
	readonly files: number;
	/** Tensors of which bytes were compared. */
	readonly tensors: readonly string[];
	/** Bytes that were read back. */
	readonly byteLength: number;
	/** What differs; the check holds if there is nothing. */
	readonly findings: readonly string[];
}

/** Bytes that are compared at a time, and most of one tensor in a sample: two buffers of it are held. */
const PIECE_BYTE_LENGTH = 2 ** 23;

export interface RemoteExpectation {
	readonly files: readonly OutgoingFile[];
	readonly removed: readonly string[];
	readonly subject: Subject;
}

/**
 * Looks at a commit as others will get it: what the Hub lists, the pointers that git holds, and bytes from storage, which
 * are compared with the files here, of which every byte was compared with the lock.
 *
 * @param seed the same seed chooses the same tensors and places in them
 * @throws {ClipSoupError} what keeps it from being read
 */
export async function checkRemote(
	connection: Connection,
	commit: string,
	expected: RemoteExpectation,
	{ depth, seed }: { readonly depth: RemoteDepth; readonly seed: number },
	watch: Watch,
): Promise<RemoteCheck> {
	const { files, removed } = expected;
	const at = { id: connection.id, commit };
	const paths = [...files.map(({ path }) => path), ...removed];
	const listed = new Map(
		(await pathsInfo(connection.http, connection.endpoint, at, paths)).map((file) => [file.path, file]),
	);
	const findings = [
		...files.flatMap((file) => listingFindings(file, listed.get(file.path))),
		...removed.filter((path) => listed.has(path)).map((path) => `"${path}" is still there`),
		...(await pointerFindings(connection, commit, files, listed)),
	];
	const runs = findings.length > 0 ? [] : runsOf(expected, { depth, seed });
	const progress = new TransferProgress(
		runs.map(({ end, begin }) => ({ byteLength: end - begin })),
		watch,
		"check",
	);
	let byteLength = 0;
	for (const file of files) {
		const remote = listed.get(file.path);
		if (remote === undefined) continue;
		// One for all runs: it keeps the place in storage, and asks the Hub for it once.
		await using theirs = openRemote(connection, commit, remote);
		await using ours = await openOurs(file);
		for (const run of runs.filter(({ path }) => path === file.path)) {
			const position = await firstDifference(ours, theirs, run, (count) => progress.add(count));
			byteLength += run.end - run.begin;
			if (position !== undefined) findings.push(`"${run.path}" has other bytes from byte ${position} on${run.label}`);
		}
	}
	progress.end();
	const tensors = runs.flatMap(({ tensor }) => tensor ?? []);
	return { depth: depthName(depth), seed, files: files.length, tensors, byteLength, findings };
}

function depthName(depth: RemoteDepth): string {
	return depth.kind === "sample" ? `sample:${depth.count}` : depth.kind;
}

function listingFindings(file: OutgoingFile, remote: HubFile | undefined): string[] {
	if (remote === undefined) return [`"${file.path}" is not there`];
	if (isSame(file, remote)) return [];
	const oid = remote.sha256 === undefined ? `git's sha1 ${remote.gitOid}` : `sha256 ${remote.sha256}`;
	return [`"${file.path}" is listed with ${remote.byteLength} bytes and ${oid}`];
}

async function pointerFindings(
	{ http, endpoint, id }: Connection,
	commit: string,
	files: readonly OutgoingFile[],
	listed: ReadonlyMap<string, HubFile>,
): Promise<string[]> {
	const findings: string[] = [];
	for (const { path, sha256, byteLength } of files) {
		if (listed.get(path)?.sha256 === undefined) continue;
		const attempt = { verb: "read", object: `hf:${id}@${commit}:${path}` };
		const { bytes } = await http.bytes({ url: rawUrl(endpoint, { id, commit }, path), attempt });
		const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${byteLength}\n`;
		if (bytes.toString("latin1") !== pointer) findings.push(`the pointer of "${path}" is another one`);
	}
	return findings;
}

/** Bytes of a file that are compared. */
interface Run {
	readonly path: string;
	readonly begin: number;
	readonly end: number;
	readonly tensor?: string;
	readonly label: string;
}

function runsOf(
	{ files, subject }: RemoteExpectation,
	{ depth, seed }: { readonly depth: RemoteDepth; readonly seed: number },
): Run[] {
	if (depth.kind === "full")
		return files.map(({ path, byteLength }) => ({ path, begin: 0, end: byteLength, label: "" }));
	const weights = subject.checkpoints.flatMap((checkpoint) => placesOf(checkpoint, files));
	const headers = weights.map(
		({ path, headerEnd }): Run => ({ path, begin: 0, end: headerEnd, label: " in its header" }),
	);
	if (depth.kind === "header") return headers;
	const tensors = weights.flatMap(({ path, tensors: all }) => all.map((tensor) => ({ path, tensor })));
	const chosen = tensors
		.map((each) => ({ ...each, draw: draw(seed, `${each.path}\0${each.tensor.name}`) }))
		.sort((a, b) => Buffer.compare(a.draw, b.draw))
		.slice(0, depth.count);
	return [...headers, ...chosen.map(({ path, tensor, draw: drawn }) => tensorRun(path, tensor, drawn))];
}

function placesOf({ files: weightFiles, tensors }: Checkpoint, files: readonly OutgoingFile[]) {
	return weightFiles.flatMap(({ source, headerByteLength }, number) => {
		const file = files.find((each) => each.source === source.file?.path);
		const inFile = [...tensors.values()].filter((tensor) => tensor.file === number && tensor.byteLength > 0);
		return file === undefined ? [] : [{ path: file.path, headerEnd: LENGTH_BYTES + headerByteLength, tensors: inFile }];
	});
}

/** Of the length before the header. */
const LENGTH_BYTES = 8;

/** A tensor, or a place in it that the draw decides. */
function tensorRun(path: string, { name, position, byteLength }: CheckpointTensor, drawn: Buffer): Run {
	const length = Math.min(byteLength, PIECE_BYTE_LENGTH);
	const skipped = Math.floor((drawn.readUInt32LE(0) / 2 ** 32) * (byteLength - length + 1));
	const begin = position + skipped;
	return { path, begin, end: begin + length, tensor: name, label: ` in "${name}"` };
}

function draw(seed: number, name: string): Buffer {
	return createHash("sha256").update(`${seed}\0${name}`).digest();
}

function openRemote({ http, endpoint, id, signal }: Connection, commit: string, file: HubFile): RemoteFile {
	const at = { id, commit };
	return new RemoteFile(`hf:${id}@${commit}:${file.path}`, resolveUrl(endpoint, at, file.path), file, http, signal);
}

async function openOurs({ path, source }: OutgoingFile): Promise<ByteSource> {
	return typeof source === "string" ? openLocalFile(source) : new MemorySource(path, source);
}

/** Position of the first byte that differs; undefined if there is none. */
async function firstDifference(
	ours: ByteSource,
	theirs: ByteSource,
	{ begin, end }: Run,
	onRead: (count: number) => void,
): Promise<number | undefined> {
	const length = Math.min(end - begin, PIECE_BYTE_LENGTH);
	const [here, there] = [Buffer.alloc(length), Buffer.alloc(length)];
	for (let position = begin; position < end; position += length) {
		const count = Math.min(length, end - position);
		const [a, b] = [here.subarray(0, count), there.subarray(0, count)];
		await Promise.all([ours.read(position, a), theirs.read(position, b)]);
		onRead(count);
		if (!a.equals(b)) return position + a.findIndex((byte, index) => byte !== b[index]);
	}
	return undefined;
}
