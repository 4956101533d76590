import type { ByteSource } from "../bytes/byte-source.ts";
import type { FedRun } from "./fed-runs.ts";
import { type Checkable, checkableIn } from "./feed-digest.ts";
import { FeedRing } from "./feed-ring.ts";

/** Bytes that are read ahead of the worker: more than all requests that may be under way bring. */
const RING_BYTE_LENGTH = 4 * 2 ** 20;
/** Bytes of the stream that are planned together: neighbours among them are read with one request. */
const BATCH_BYTE_LENGTH = 2 ** 20;
/** The most that one request asks for, unless a single run is longer. */
const MOST_EXTENT = 2 ** 19;
/** Bytes between two runs that are cheaper to read and drop than to ask for the second run anew. */
const MOST_GAP = 2 ** 16;

/**
 * Reads the bytes of sources that no thread can read by itself, and hands them to the one worker of the pass in exactly the
 * order in which it will ask: what that is follows from the tables, so that no request has to wait for the worker.
 */
export class Feed {
	readonly ring: FeedRing;
	readonly #runs: Iterable<FedRun>;
	/** Batches that are being read, first to last, by the stream position where each ends. */
	readonly #pending: { readonly batch: readonly FedRun[]; isDone: boolean }[] = [];
	readonly #checkable: Checkable;
	readonly #fileDigests = new Map<ByteSource, string>();
	#isPublishing = false;
	#taken = 0;
	#failure: { readonly reason: unknown } | undefined;
	#wake: () => void = () => {};

	/**
	 * @param runs the stream, from its start each time
	 * @param chunkByteLength bytes of an operand's buffer, which no run is longer than
	 */
	constructor(runs: () => Iterable<FedRun>, chunkByteLength: number) {
		this.#runs = runs();
		this.#checkable = checkableIn(runs());
		this.ring = FeedRing.create(Math.max(RING_BYTE_LENGTH, 2 * (BATCH_BYTE_LENGTH + chunkByteLength)));
	}

	/** Names of sources whose bytes are not compared with the digests that they are listed with. */
	get unchecked(): readonly string[] {
		return this.#checkable.unchecked;
	}

	/** SHA-256 of the files that were read as a whole, once that is done. */
	get fileDigests(): ReadonlyMap<ByteSource, string> {
		return this.#fileDigests;
	}

	/** Reads everything, as far ahead as the ring has room. @throws what a source throws; it stops without a word on `stop` */
	async run(): Promise<void> {
		for (const batch of batchesOf(this.#runs)) {
			const end = endOf(batch);
			while (end - this.#taken > this.ring.byteLength && this.#failure === undefined) await this.#change();
			if (this.#failure) break;
			this.#start(batch);
		}
		while (this.#pending.length > 0 && this.#failure === undefined) await this.#change();
		if (this.#failure) throw this.#failure.reason;
		for (const [source, digest] of this.#checkable.digests) this.#fileDigests.set(source, await digest.finish());
	}

	/** The worker says how far it is. */
	taken(byteLength: number): void {
		this.#taken = byteLength;
		this.#wake();
	}

	/** Makes `run` end at once, because of something that happened elsewhere. */
	stop(reason: unknown): void {
		this.#failure ??= { reason };
		this.#wake();
	}

	#start(batch: readonly FedRun[]): void {
		const entry = { batch, isDone: false };
		this.#pending.push(entry);
		Promise.all(extentsOf(batch).map((extent) => this.#read(extent)))
			.then(() => {
				entry.isDone = true;
				return this.#publish();
			})
			.catch((reason: unknown) => this.stop(reason));
	}

	async #read({ source, position, byteLength, runs }: Extent): Promise<void> {
		const [first] = runs;
		const parts = first === undefined ? [] : this.ring.parts(first.at, first.byteLength);
		const [only] = parts;
		if (only !== undefined && parts.length === 1 && runs.length === 1) return source.read(position, only);
		const bytes = new Uint8Array(byteLength);
		await source.read(position, bytes);
		for (const run of runs) {
			let from = run.position - position;
			for (const part of this.ring.parts(run.at, run.byteLength)) {
				part.set(bytes.subarray(from, from + part.byteLength));
				from += part.byteLength;
			}
		}
	}

	/** Digests what is whole from the start on, while nobody has taken it, and lets the worker have it. */
	async #publish(): Promise<void> {
		if (this.#isPublishing) return;
		this.#isPublishing = true;
		for (let [first] = this.#pending; first?.isDone && this.#failure === undefined; [first] = this.#pending) {
			for (const run of first.batch) {
				await this.#checkable.digests.get(run.source)?.add(run, this.ring.parts(run.at, run.byteLength));
			}
			this.#pending.shift();
			this.ring.publish(endOf(first.batch));
			this.#wake();
		}
		this.#isPublishing = false;
	}

	#change(): Promise<void> {
		return new Promise((resolve) => {
			this.#wake = resolve;
		});
	}
}

function endOf(batch: readonly FedRun[]): number {
	const last = batch.at(-1);
	return last === undefined ? 0 : last.at + last.byteLength;
}

function* batchesOf(runs: Iterable<FedRun>): Generator<FedRun[], void, undefined> {
	let batch: FedRun[] = [];
	let byteLength = 0;
	for (const run of runs) {
		batch.push(run);
		byteLength += run.byteLength;
		if (byteLength < BATCH_BYTE_LENGTH) continue;
		yield batch;
		batch = [];
		byteLength = 0;
	}
	if (batch.length > 0) yield batch;
}

/** What one request reads: runs of one source that lie close together. */
export interface Extent {
	readonly source: ByteSource;
	readonly position: number;
	readonly byteLength: number;
	readonly runs: readonly FedRun[];
}

/** Joins runs of a batch that lie close together in one source. */
export function extentsOf(batch: readonly FedRun[]): Extent[] {
	const bySource = new Map<ByteSource, FedRun[]>();
	for (const run of batch) {
		const runs = bySource.get(run.source);
		if (runs === undefined) bySource.set(run.source, [run]);
		else runs.push(run);
	}
	return [...bySource.values()].flatMap((runs) => {
		const extents: { first: FedRun; end: number; runs: FedRun[] }[] = [];
		for (const run of runs.toSorted((a, b) => a.position - b.position)) {
			const end = run.position + run.byteLength;
			const open = extents.at(-1);
			if (open && run.position - open.end <= MOST_GAP && end - open.first.position <= MOST_EXTENT) {
				open.end = Math.max(open.end, end);
				open.runs.push(run);
			} else extents.push({ first: run, end, runs: [run] });
		}
		return extents.map(({ first, end, runs }): Extent => {
			return { source: first.source, position: first.position, byteLength: end - first.position, runs };
		});
	});
}
