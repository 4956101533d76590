import type { StepResult } from "../results.ts";

/** The worker's side of an operation: buffers filled by the engine go in, bytes to write and a result come out. */
export interface Runner {
	/** Buffers that the engine fills, one for each operand. */
	readonly sources: readonly Uint8Array[];
	/** Where the bytes to write lie after `chunk`; undefined if the operation writes nothing. */
	readonly output: Uint8Array | undefined;
	/** Works on elements `first` to `first + count` of the step. */
	chunk(count: number, first: number): void;
	/** Ends a job: what there is to tell of its elements, if anything. The runner is then ready for the next job. */
	end(): StepResult | undefined;
}
