import { createHash } from "node:crypto";
import type { LocalFile } from "../bytes/local-file.ts";
import type { Watch } from "../progress.ts";

/** Hashes by the names that signatures use, and node:crypto's. BLAKE3 is not among OpenSSL's. */
export const HASHES: ReadonlyMap<string, string> = new Map([
	["sha256", "sha256"],
	["blake2b", "blake2b512"],
]);

/** Bytes read at a time: more is no faster, since the system reads ahead. */
const CHUNK_BYTE_LENGTH = 2 ** 20;

const PROGRESS_INTERVAL_MS = 100;

/** Digests files while it tells how far it is, in one buffer that all of them share. */
export class Digester {
	readonly #algorithm: string;
	readonly #bytesTotal: number;
	readonly #watch: Watch;
	readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTE_LENGTH);
	#bytesDone = 0;
	#toldAt = Number.NEGATIVE_INFINITY;

	/** @param algorithm node:crypto's name */
	constructor(algorithm: string, bytesTotal: number, watch: Watch) {
		this.#algorithm = algorithm;
		this.#bytesTotal = bytesTotal;
		this.#watch = watch;
	}

	/**
	 * Digest of the bytes from `start` to `end`, in hex.
	 *
	 * @throws {ClipSoupError} ERR_FILE_TRUNCATED, ERR_IO; the signal's reason when aborted
	 */
	async digest(file: LocalFile, { start, end }: { readonly start: number; readonly end: number }): Promise<string> {
		const hash = createHash(this.#algorithm);
		for (let position = start; position < end; ) {
			this.#watch.signal?.throwIfAborted();
			const chunk = this.#chunk.subarray(0, Math.min(CHUNK_BYTE_LENGTH, end - position));
			await file.read(position, chunk);
			hash.update(chunk);
			position += chunk.byteLength;
			this.#tell(chunk.byteLength);
		}
		return hash.digest("hex");
	}

	#tell(byteLength: number): void {
		this.#bytesDone += byteLength;
		const now = performance.now();
		if (now - this.#toldAt < PROGRESS_INTERVAL_MS && this.#bytesDone < this.#bytesTotal) return;
		this.#toldAt = now;
		const [bytesDone, bytesTotal] = [this.#bytesDone, this.#bytesTotal];
		this.#watch.onProgress?.({ phase: "digest", tensorsDone: 0, tensorsTotal: 0, bytesDone, bytesTotal });
	}
}
