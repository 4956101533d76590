import type { ErrorCode } from "../errors.ts";
import type { Operation } from "./operation.ts";
import type { StepDigests, StepResult } from "./results.ts";

/** All that a worker thread gets: shared tables, descriptors it reads and writes itself, and the compiled kernels. */
export interface WorkerTask {
	readonly kernels: WebAssembly.Module;
	readonly operations: readonly Operation[];
	readonly steps: { readonly buffer: SharedArrayBuffer; readonly length: number; readonly operandCount: number };
	readonly jobs: { readonly buffer: SharedArrayBuffer; readonly length: number };
	readonly control: SharedArrayBuffer;
	/** Descriptors and names of the inputs, in the order of the step table's sources. */
	readonly sources: readonly { readonly descriptor: number; readonly name: string }[];
	readonly outputs: readonly { readonly descriptor: number; readonly name: string }[];
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
