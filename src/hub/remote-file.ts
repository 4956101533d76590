import type { ByteSource } from "../bytes/byte-source.ts";
import { endOfFile } from "../bytes/descriptor.ts";
import { integrityError, unavailable } from "./failure.ts";
import type { HubAnswer, HubHttp } from "./http.ts";
import type { HubFile } from "./repository.ts";
import { TransientFailure } from "./retry.ts";

/**
 * Bytes of the first request: a header is read in two requests at most, and in one if it is no longer, which at about
 * 100 bytes a tensor is so up to 1,300 tensors.
 */
const HEAD_BYTE_LENGTH = 2 ** 17;

/** A file of one commit on the Hub, read by ranges. */
export class RemoteFile implements ByteSource {
	readonly name: string;
	readonly byteLength: number;
	readonly descriptor = undefined;
	readonly file = undefined;
	readonly listedSha256: string | undefined;
	readonly #http: HubHttp;
	readonly #url: string;
	readonly #listed: HubFile;
	readonly #closing = new AbortController();
	readonly #signal: AbortSignal;
	/** Presigned URL that storage last served; asking the Hub again for each range would spend its limit on requests. */
	#location: string | undefined;
	/** The first bytes, kept because a header is read bit by bit. */
	#head: Promise<Uint8Array> | undefined;

	constructor(name: string, url: string, listed: HubFile, http: HubHttp, signal?: AbortSignal) {
		this.name = name;
		this.byteLength = listed.byteLength;
		this.listedSha256 = listed.sha256;
		this.#url = url;
		this.#listed = listed;
		this.#http = http;
		this.#signal = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
	}

	/**
	 * Fills `target`, with at most a few requests that break off resumed at the byte where they did.
	 *
	 * @throws {ClipSoupError} ERR_FILE_TRUNCATED if the file is shorter; what `HubHttp.exchange` throws
	 */
	async read(position: number, target: Uint8Array): Promise<void> {
		const end = position + target.byteLength;
		if (end > this.byteLength) throw endOfFile(this.name, this.byteLength, end);
		const fromHead = position < HEAD_BYTE_LENGTH && (position === 0 || this.#head !== undefined);
		const head = fromHead ? (await this.#readHead()).subarray(position, end) : new Uint8Array();
		target.set(head);
		await this.#fetch(position + head.byteLength, target.subarray(head.byteLength));
	}

	/** A commit does not change. */
	async assertUnchanged(): Promise<void> {}

	/** Breaks off what is still being read. */
	async close(): Promise<void> {
		this.#closing.abort();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}

	#readHead(): Promise<Uint8Array> {
		this.#head ??= (async () => {
			const head = new Uint8Array(Math.min(HEAD_BYTE_LENGTH, this.byteLength));
			await this.#fetch(0, head);
			return head;
		})();
		return this.#head;
	}

	async #fetch(position: number, target: Uint8Array): Promise<void> {
		if (target.byteLength === 0) return;
		const last = position + target.byteLength - 1;
		const attempt = { verb: "read", object: this.name };
		let done = 0;
		let used: string | undefined;
		await this.#http.exchange(
			(number) => {
				// Whatever went wrong may be the fault of a URL that was kept: the Hub gives a new one.
				if (number > 1 && used === this.#location) this.#location = undefined;
				used = this.#location;
				const headers = { range: `bytes=${position + done}-${last}` };
				return { url: used ?? this.#url, attempt, headers };
			},
			async (answer) => {
				this.#check(answer, position + done, last);
				if (answer.url !== this.#url) this.#location = answer.url;
				try {
					for await (const piece of answer.body) {
						if (piece.byteLength > target.byteLength - done) {
							// Of an answer that is not the range nothing is kept.
							done = 0;
							throw this.#unexpected("more bytes than were asked for", answer);
						}
						target.set(piece, done);
						done += piece.byteLength;
					}
				} catch (error) {
					// How the answer ends says nothing about bytes that have all come.
					if (done < target.byteLength) throw error;
				}
				if (done < target.byteLength) throw this.#unexpected(`an end at byte ${position + done}`, answer);
			},
			{ progress: () => done, signal: this.#signal },
		);
	}

	/** Takes nothing but exactly the range that was asked for, of the file that was listed. */
	#check({ status, headers, redirectHeaders, url }: HubAnswer, first: number, last: number): void {
		const etag = redirectHeaders?.get("x-linked-etag")?.replace(/^W\/|"/g, "");
		const { sha256 } = this.#listed;
		if (etag !== undefined && sha256 !== undefined && etag !== sha256) {
			throw integrityError({ verb: "read", object: this.name }, `sha256 ${etag}`, sha256);
		}
		const range = headers.get("content-range");
		const expected = `bytes ${first}-${last}/${this.byteLength}`;
		if (status === 206 && range === expected) return;
		const found = `status ${status} with ${range === null ? "no range" : `"${range}"`} instead of "${expected}"`;
		throw this.#unexpected(found, { url });
	}

	#unexpected(found: string, { url }: Pick<HubAnswer, "url">): TransientFailure {
		return new TransientFailure(unavailable({ verb: "read", object: this.name }, found, url));
	}
}
