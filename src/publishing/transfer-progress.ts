import type { Progress, Watch } from "../progress.ts";
import type { OutgoingFile } from "./local-file.ts";

/** Between two reports. */
const INTERVAL_MS = 100;

/** Tells how far a transfer got, by the bytes that went over the wire. */
export class TransferProgress {
	readonly #onProgress: ((progress: Progress) => void) | undefined;
	readonly #phase: Progress["phase"];
	readonly #total: number;
	#done = 0;
	#last = Number.NEGATIVE_INFINITY;

	constructor(
		files: readonly Pick<OutgoingFile, "byteLength">[],
		{ onProgress }: Watch,
		phase: Progress["phase"] = "upload",
	) {
		this.#onProgress = onProgress;
		this.#phase = phase;
		this.#total = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
	}

	/** @param byteLength negative for bytes that have to be sent again */
	add(byteLength: number): void {
		this.#done += byteLength;
		const now = performance.now();
		if (now - this.#last < INTERVAL_MS) return;
		this.#last = now;
		this.#report(this.#done);
	}

	/** Reports the end, also where storage held most of it already. */
	end(): void {
		this.#report(this.#total);
	}

	#report(bytesDone: number): void {
		const bytesTotal = Math.max(this.#total, bytesDone);
		this.#onProgress?.({ phase: this.#phase, tensorsDone: 0, tensorsTotal: 0, bytesDone, bytesTotal });
	}
}
