import { createHash } from "node:crypto";
import type { ByteSource } from "../bytes/byte-source.ts";
import { integrityError } from "../hub/failure.ts";
import type { ListedFile } from "../progress.ts";
import type { FedRun } from "./fed-runs.ts";

/**
 * Bytes of a file that may be read for its digest only: its header, buffers that nobody needs, and matrices that are stored
 * the other way round, whose parts a pass reads in another order.
 */
const MOST_GAP_BYTES = 64 * 2 ** 20;
const READ_BYTE_LENGTH = 2 ** 19;

/** The SHA-256 of a remote file, taken from what a pass reads of it anyway. */
export class FeedDigest {
	readonly #source: ByteSource;
	readonly #hash = createHash("sha256");
	/** Bytes from the start that are digested. */
	#end = 0;

	constructor(source: ByteSource) {
		this.#source = source;
	}

	/** Takes the bytes of a run, in the order of the stream, after what lies before them in the file. */
	async add({ position, byteLength, isStrided }: FedRun, parts: readonly Uint8Array[]): Promise<void> {
		if (isStrided || position < this.#end) return;
		await this.#fill(position);
		for (const part of parts) this.#hash.update(part);
		this.#end = position + byteLength;
	}

	/** The digest of the whole file, 64 lower-case hex digits. */
	async finish(): Promise<string> {
		await this.#fill(this.#source.byteLength);
		return this.#hash.digest("hex");
	}

	async #fill(end: number): Promise<void> {
		while (this.#end < end) {
			const bytes = new Uint8Array(Math.min(READ_BYTE_LENGTH, end - this.#end));
			await this.#source.read(this.#end, bytes);
			this.#hash.update(bytes);
			this.#end += bytes.byteLength;
		}
	}
}

/** @throws {ClipSoupError} ERR_HUB_INTEGRITY if a file's digest is not the one that it is listed with */
export function requireListed({ listedSha256, name }: ListedFile, sha256: string): void {
	if (listedSha256 === undefined || sha256 === listedSha256) return;
	throw integrityError({ verb: "read", object: name }, `sha256 ${sha256}`, `sha256 ${listedSha256}`);
}

/** What of the sources of a stream can be checked against the digests that they are listed with. */
export interface Checkable {
	readonly digests: ReadonlyMap<ByteSource, FeedDigest>;
	/** Names of sources that are read in part or in another order, so that their digest would have to be read for. */
	readonly unchecked: readonly string[];
}

export function checkableIn(runs: Iterable<FedRun>): Checkable {
	const reads = new Map<ByteSource, { end: number; gaps: number }>();
	for (const { source, position, byteLength, isStrided } of runs) {
		const read = reads.get(source) ?? { end: 0, gaps: 0 };
		reads.set(source, read);
		if (isStrided || position < read.end) continue;
		read.gaps += position - read.end;
		read.end = position + byteLength;
	}
	const listed = [...reads].filter(([{ listedSha256 }]) => listedSha256 !== undefined);
	const isCheckable = ([{ byteLength }, { end, gaps }]: (typeof listed)[number]) =>
		gaps + byteLength - end <= MOST_GAP_BYTES;
	return {
		digests: new Map(listed.filter(isCheckable).map(([source]) => [source, new FeedDigest(source)])),
		unchecked: listed.filter((one) => !isCheckable(one)).map(([{ name }]) => name),
	};
}
