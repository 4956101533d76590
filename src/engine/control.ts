const STOP = 0;
const STEPS_DONE = 1;
const HEAD_LENGTH = 2;

/**
 * The few counters that all threads of a pass share.
 *
 * A stop flag that is looked at between chunks, bytes moved so far, and how many jobs each step still has, so that a
 * tensor counts as done when its last chunk is.
 */
export class Control {
	readonly buffer: SharedArrayBuffer;
	readonly #head: Int32Array;
	readonly #bytes: BigUint64Array;
	readonly #remaining: Int32Array;

	constructor(stepCount: number, buffer?: SharedArrayBuffer) {
		this.buffer = buffer ?? new SharedArrayBuffer((HEAD_LENGTH + 2 + stepCount) * 4);
		this.#head = new Int32Array(this.buffer, 0, HEAD_LENGTH);
		this.#bytes = new BigUint64Array(this.buffer, HEAD_LENGTH * 4, 1);
		this.#remaining = new Int32Array(this.buffer, (HEAD_LENGTH + 2) * 4, stepCount);
	}

	stop(): void {
		Atomics.store(this.#head, STOP, 1);
	}

	get stopped(): boolean {
		return Atomics.load(this.#head, STOP) !== 0;
	}

	setRemaining(step: number, jobs: number): void {
		this.#remaining[step] = jobs;
	}

	jobDone(step: number): void {
		if (Atomics.sub(this.#remaining, step, 1) === 1) Atomics.add(this.#head, STEPS_DONE, 1);
	}

	get stepsDone(): number {
		return Atomics.load(this.#head, STEPS_DONE);
	}

	addBytes(count: number): void {
		Atomics.add(this.#bytes, 0, BigInt(count));
	}

	get bytesDone(): number {
		return Number(Atomics.load(this.#bytes, 0));
	}
}
