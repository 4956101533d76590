import { createHash } from "node:crypto";
import { read } from "node:fs";
import { promisify } from "node:util";

const readAsync = promisify(read);

/** Bytes read ahead while the piece before them is digested. */
const PIECE_BYTE_LENGTH = 2 ** 21;

/**
 * SHA-256 of a whole file, `sha256:` and 64 hex digits. It needs the bytes in order, unlike everything else here.
 *
 * Reading goes on in the thread pool while this thread digests the piece before.
 */
export async function digestFile(descriptor: number, signal?: AbortSignal): Promise<string> {
	const hash = createHash("sha256");
	const pieces: [Buffer, Buffer] = [Buffer.alloc(PIECE_BYTE_LENGTH), Buffer.alloc(PIECE_BYTE_LENGTH)];
	let position = 0;
	let turn: 0 | 1 = 0;
	const readNext = (at: number, into: Buffer) => readAsync(descriptor, into, 0, into.length, at);
	let next = readNext(position, pieces[turn]);
	for (;;) {
		const { bytesRead } = await next;
		signal?.throwIfAborted();
		if (bytesRead === 0) return `sha256:${hash.digest("hex")}`;
		const piece = pieces[turn].subarray(0, bytesRead);
		position += bytesRead;
		turn = turn === 0 ? 1 : 0;
		next = readNext(position, pieces[turn]);
		hash.update(piece);
	}
}
