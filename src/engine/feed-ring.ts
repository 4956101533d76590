/** Bytes before the data: how many have been filled in since the start. */
const HEAD_BYTE_LENGTH = 8;
/** How often a worker that waits for bytes looks whether the pass was stopped. */
const STOP_INTERVAL_MS = 100;
/** The filler hears of what was taken each time it is this part of the ring, and whenever the worker has to wait. */
const REPORTED_PART = 8;

/**
 * A stream of bytes from the main thread to one worker, through a ring in shared memory.
 *
 * Positions count from the start of the stream and never wrap. The filler writes wherever there is room, publishes what is
 * whole from the start on, and hears of what was taken by messages; the taker waits for what it needs next.
 */
export class FeedRing {
	readonly buffer: SharedArrayBuffer;
	readonly #filled: BigInt64Array;
	readonly #data: Uint8Array;
	#taken = 0;
	#reported = 0;

	constructor(buffer: SharedArrayBuffer) {
		this.buffer = buffer;
		this.#filled = new BigInt64Array(buffer, 0, 1);
		this.#data = new Uint8Array(buffer, HEAD_BYTE_LENGTH);
	}

	/** @param byteLength bytes that it holds */
	static create(byteLength: number): FeedRing {
		return new FeedRing(new SharedArrayBuffer(HEAD_BYTE_LENGTH + byteLength));
	}

	get byteLength(): number {
		return this.#data.byteLength;
	}

	/** The memory of a run of the stream: in two parts where it goes round the end of the ring. */
	parts(position: number, byteLength: number): Uint8Array[] {
		const begin = position % this.byteLength;
		const end = begin + byteLength;
		if (end <= this.byteLength) return [this.#data.subarray(begin, end)];
		return [this.#data.subarray(begin), this.#data.subarray(0, end - this.byteLength)];
	}

	/** Says that all bytes of the stream before `position` are in place. */
	publish(position: number): void {
		Atomics.store(this.#filled, 0, BigInt(position));
		Atomics.notify(this.#filled, 0);
	}

	/**
	 * Fills `target` with the next bytes of the stream, waiting for them; leaves it as it is once `isStopped`.
	 *
	 * @param report called with the number of bytes taken so far
	 */
	take(target: Uint8Array, isStopped: () => boolean, report: (byteLength: number) => void): void {
		let done = 0;
		while (done < target.byteLength) {
			const filled = this.#waitFor(isStopped, report);
			if (filled === this.#taken) return;
			const count = Math.min(target.byteLength - done, filled - this.#taken);
			for (const part of this.parts(this.#taken, count)) {
				target.set(part, done);
				done += part.byteLength;
			}
			this.#taken += count;
			if (this.#taken - this.#reported >= this.byteLength / REPORTED_PART) this.#report(report);
		}
	}

	/** Position up to which bytes are there, more than were taken unless the pass was stopped. */
	#waitFor(isStopped: () => boolean, report: (byteLength: number) => void): number {
		for (;;) {
			const filled = Atomics.load(this.#filled, 0);
			if (Number(filled) > this.#taken || isStopped()) return Number(filled);
			this.#report(report);
			Atomics.wait(this.#filled, 0, filled, STOP_INTERVAL_MS);
		}
	}

	#report(report: (byteLength: number) => void): void {
		if (this.#taken === this.#reported) return;
		this.#reported = this.#taken;
		report(this.#taken);
	}
}
