import { createHash } from "node:crypto";
import { read } from "node:fs";
import { promisify } from "node:util";
import type { ByteSource } from "../bytes/byte-source.ts";

const readAsync = promisify(read);

/** Bytes read ahead while the piece before them is digested. */
const PIECE_BYTE_LENGTH = 2 ** 21;

/** Reads into a buffer from a position on and tells how many bytes came; 0 at the end. */
type ReadPiece = (into: Buffer, position: number) => Promise<number>;

/** SHA-256 of a whole file that is being written, `sha256:` and 64 hex digits. */
export function digestFile(descriptor: number, signal?: AbortSignal): Promise<string> {
	return digest(async (into, at) => (await readAsync(descriptor, into, 0, into.length, at)).bytesRead, signal);
}

/** SHA-256 of a whole source, `sha256:` and 64 hex digits. */
export function digestSource(source: ByteSource, signal?: AbortSignal): Promise<string> {
	return digest(async (into, at) => {
		const count = Math.min(into.length, source.byteLength - at);
		if (count > 0) await source.read(at, into.subarray(0, count));
		return count;
	}, signal);
}

/**
 * It needs the bytes in order, unlike everything else here. Reading goes on elsewhere while this thread digests the piece
 * before.
 */
async function digest(readPiece: ReadPiece, signal: AbortSignal | undefined): Promise<string> {
	const hash = createHash("sha256");
	const pieces: [Buffer, Buffer] = [Buffer.alloc(PIECE_BYTE_LENGTH), Buffer.alloc(PIECE_BYTE_LENGTH)];
	let position = 0;
	let turn: 0 | 1 = 0;
	let next = readPiece(pieces[turn], position);
	for (;;) {
		const count = await next;
		signal?.throwIfAborted();
		if (count === 0) return `sha256:${hash.digest("hex")}`;
		const piece = pieces[turn].subarray(0, count);
		position += count;
		turn = turn === 0 ? 1 : 0;
		next = readPiece(pieces[turn], position);
		hash.update(piece);
	}
}
