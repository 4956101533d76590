import type { ErrorCode } from "../errors.ts";
import type { Operation } from "./operation.ts";
import type { StepDigests, StepResult } from "./results.ts";
import type { StepTableParts } from "./step-table.ts";

/** A file that a pass reads or writes: threads use the descriptor, messages the name. */
export interface PassFile {
	readonly descriptor: number;
	readonly name: string;
}

/** What a pass reads from: a file, or bytes in memory for the few tensors that come from metadata. */
export type PassSource = PassFile | { readonly bytes: Uint8Array; readonly name: string };

/** All that a worker thread gets: shared tables, descriptors it reads and writes itself, and the compiled kernels. */
export interface WorkerTask {
	readonly kernels: WebAssembly.Module;
	readonly operations: readonly Operation[];
	readonly steps: StepTableParts;
	readonly jobs: { readonly buffer: SharedArrayBuffer; readonly length: number };
	readonly control: SharedArrayBuffer;
	/** In the order in which the step table numbers them. */
	readonly sources: readonly PassSource[];
	readonly outputs: readonly PassFile[];
	readonly chunkByteLength: number;
	readonly digests: boolean;
}

/** What a worker says. `done` is its last word, also after a stop. */
export type WorkerMessage =
	| { readonly kind: "result"; readonly step: number; readonly result: StepResult }
	| { readonly kind: "digests"; readonly step: number; readonly digests: StepDigests }
	| { readonly kind: "failed"; readonly failure: WorkerFailure }
	| { readonly kind: "done" };

/** A `ClipSoupError` as plain data; structured clone would drop its fields. */
export interface WorkerFailure {
	readonly code: ErrorCode;
	readonly message: string;
	readonly fix: string | undefined;
	readonly details: Readonly<Record<string, unknown>>;
}
