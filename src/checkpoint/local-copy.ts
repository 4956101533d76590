import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteSource } from "../bytes/byte-source.ts";
import { writeFully } from "../bytes/descriptor.ts";
import { openLocalFile } from "../bytes/local-file.ts";
import { ClipSoupError } from "../errors.ts";
import { integrityError } from "../hub/failure.ts";
import type { Watch } from "../progress.ts";
import { Checkpoint, type CheckpointFile } from "./checkpoint.ts";
import { closeAll } from "./open.ts";

/** Checkpoints and what they hold open, temporary files included. */
export interface HeldCheckpoints extends AsyncDisposable {
	readonly checkpoints: readonly Checkpoint[];
	/** Folder of the copies that go away on disposal; undefined if there are none. */
	readonly temporaryFolder: string | undefined;
}

/** Bytes of one request, and how many are under way. */
const PIECE_BYTE_LENGTH = 4 * 2 ** 20;
const LANES = 3;

/** Whether all weight files are on a disk of this machine, where ONNX Runtime can open them. */
export function areOnDisk(checkpoints: readonly Checkpoint[]): boolean {
	return checkpoints.every(({ files }) => files.every(({ source }) => source.file !== undefined));
}

/** Checkpoints as they are, closed on disposal. */
export function holdCheckpoints(checkpoints: readonly Checkpoint[]): HeldCheckpoints {
	return { checkpoints, temporaryFolder: undefined, [Symbol.asyncDispose]: () => closeAll(checkpoints) };
}

/**
 * The same checkpoints with those weight files that are on no disk of this machine copied to a temporary folder, which goes
 * away on disposal. What is there already, as in the Hub's cache, is not copied.
 *
 * @param checkpoints closed with the copies, or when copying fails
 * @throws {ClipSoupError} ERR_NO_SPACE, ERR_HUB_INTEGRITY if what came is not what the Hub lists, and what reading throws
 */
export async function downloadWeights(checkpoints: readonly Checkpoint[], watch: Watch = {}): Promise<HeldCheckpoints> {
	if (areOnDisk(checkpoints)) return holdCheckpoints(checkpoints);
	const folder = await mkdtemp(join(tmpdir(), "clip-soup-download-"));
	const opened: ByteSource[] = [];
	const dispose = async () => {
		await Promise.all(opened.map((source) => source.close()));
		await closeAll(checkpoints);
		await rm(folder, { recursive: true, force: true });
	};
	try {
		const remote = checkpoints.flatMap(({ files }) => files.filter(({ source }) => source.file === undefined));
		const bytesTotal = remote.reduce((sum, { source }) => sum + source.byteLength, 0);
		await refuseFullDisk(folder, bytesTotal);
		let bytesDone = 0;
		const onBytes = (count: number) => {
			bytesDone += count;
			watch.onProgress?.({ phase: "download", tensorsDone: 0, tensorsTotal: 0, bytesDone, bytesTotal });
		};
		const copies = new Map<CheckpointFile, ByteSource>();
		for (const [number, file] of remote.entries()) {
			const path = join(folder, `${number + 1}.safetensors`);
			await download(file.source, path, onBytes, watch.signal);
			const copy = await openLocalFile(path, file.source.name);
			opened.push(copy);
			copies.set(file, copy);
		}
		const local = checkpoints.map((checkpoint) => {
			const files = checkpoint.files.map((file) => ({ ...file, source: copies.get(file) ?? file.source }));
			return new Checkpoint({ ...checkpoint, files });
		});
		return { checkpoints: local, temporaryFolder: folder, [Symbol.asyncDispose]: dispose };
	} catch (error) {
		await dispose();
		throw error;
	}
}

async function refuseFullDisk(folder: string, needed: number): Promise<void> {
	const { bavail, bsize } = await statfs(folder);
	if (needed <= bavail * bsize) return;
	throw new ClipSoupError(
		"ERR_NO_SPACE",
		`Cannot download the weights to "${folder}": found ${bavail * bsize} bytes free, expected ${needed}`,
		{ fix: "set TMPDIR to a folder on a larger disk, or leave --download out", details: { needed } },
	);
}

async function download(
	source: ByteSource,
	path: string,
	onBytes: (count: number) => void,
	signal: AbortSignal | undefined,
): Promise<void> {
	await using file = await open(path, "wx");
	const next = { position: 0 };
	// All of them, so that none writes to a file that is closed.
	const lanes = await Promise.allSettled(
		Array.from({ length: LANES }, () => copyPieces(source, file, next, onBytes, signal)),
	);
	for (const lane of lanes) if (lane.status === "rejected") throw lane.reason;
	const { listedSha256 } = source;
	if (listedSha256 === undefined) return;
	const hash = createHash("sha256");
	for await (const piece of createReadStream(path)) hash.update(piece);
	const found = hash.digest("hex");
	if (found === listedSha256) return;
	throw integrityError({ verb: "download", object: source.name }, `sha256 ${found}`, `sha256 ${listedSha256}`);
}

/** Copies piece after piece of those that no other lane has taken. */
async function copyPieces(
	source: ByteSource,
	file: FileHandle,
	next: { position: number },
	onBytes: (count: number) => void,
	signal: AbortSignal | undefined,
): Promise<void> {
	const buffer = new Uint8Array(Math.min(PIECE_BYTE_LENGTH, source.byteLength));
	try {
		while (next.position < source.byteLength) {
			signal?.throwIfAborted();
			const { position } = next;
			next.position += PIECE_BYTE_LENGTH;
			const piece = buffer.subarray(0, Math.min(buffer.byteLength, source.byteLength - position));
			await source.read(position, piece);
			writeFully(file.fd, piece, position, source.name);
			onBytes(piece.byteLength);
		}
	} catch (error) {
		next.position = source.byteLength;
		throw error;
	}
}
