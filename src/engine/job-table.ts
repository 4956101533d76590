/** A job: a run of elements of one step, taken by one thread at a time. */
export interface Job {
	readonly step: number;
	readonly begin: number;
	readonly end: number;
}

/** What threads share of a job table. */
export interface JobTableParts {
	readonly cells: SharedArrayBuffer;
	/** The next row of each lane. */
	readonly next: SharedArrayBuffer;
	/** Row at which each lane ends; the one behind it begins there. */
	readonly ends: readonly number[];
}

/** Of a job: step, first element, end. */
const CELLS = 3;

/** All jobs in shared memory, a row each, in lanes one behind the other; of each lane the next row that is to be taken. */
export class JobTable {
	readonly parts: JobTableParts;
	readonly #cells: Float64Array;
	readonly #next: Int32Array;

	private constructor(parts: JobTableParts) {
		this.parts = parts;
		this.#cells = new Float64Array(parts.cells);
		this.#next = new Int32Array(parts.next);
	}

	/** @param length number of jobs in all lanes */
	static of(lanes: readonly Iterable<Job>[], length: number): JobTable {
		const cells = new SharedArrayBuffer(length * CELLS * Float64Array.BYTES_PER_ELEMENT);
		const next = new SharedArrayBuffer(lanes.length * Int32Array.BYTES_PER_ELEMENT);
		const ends: number[] = [];
		const table = new JobTable({ cells, next, ends });
		let row = 0;
		lanes.forEach((lane, number) => {
			table.#next[number] = row;
			for (const { step, begin, end } of lane) table.#cells.set([step, begin, end], row++ * CELLS);
			ends.push(row);
		});
		return table;
	}

	static attach(parts: JobTableParts): JobTable {
		return new JobTable(parts);
	}

	get length(): number {
		return this.parts.ends.at(-1) ?? 0;
	}

	get laneCount(): number {
		return this.parts.ends.length;
	}

	at(row: number): Job {
		const [step = 0, begin = 0, end = 0] = this.#cells.subarray(row * CELLS, (row + 1) * CELLS);
		return { step, begin, end };
	}

	/** The next job that no thread has taken: of the thread's own lane, then of the others; undefined once there is none. */
	take(thread: number): Job | undefined {
		const { ends } = this.parts;
		for (let turn = 0; turn < ends.length; turn++) {
			const lane = (thread + turn) % ends.length;
			const row = Atomics.add(this.#next, lane, 1);
			if (row < (ends[lane] ?? 0)) return this.at(row);
		}
		return undefined;
	}
}
