/** Lets a number of tasks run at a time, and the others wait in the order they came. */
export class Limiter {
	readonly #waiting: (() => void)[] = [];
	#free: number;

	constructor(most: number) {
		this.#free = most;
	}

	async run<T>(task: () => Promise<T>): Promise<T> {
		if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
		else this.#free--;
		try {
			return await task();
		} finally {
			const next = this.#waiting.shift();
			if (next === undefined) this.#free++;
			else next();
		}
	}
}
