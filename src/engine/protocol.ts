import type { ByteSource } from "../bytes/byte-source.ts";
import type { ErrorCode } from "../errors.ts";
import type { JobTableParts } from "./job-table.ts";
import type { Operation } from "./operation.ts";
import type { StepDigests, StepResult } from "./results.ts";
import type { StepTableParts } from "./step-table.ts";

/** A file that a pass reads or writes: threads use the descriptor, messages the name. */
export interface PassFile {
	readonly descriptor: number;
	readonly name: string;
}

/** Bytes in memory, for the few tensors that come from metadata. */
export interface MemorySource {
	readonly bytes: Uint8Array;
	readonly name: string;
}

/** What a pass reads from; what has no descriptor is fed to the worker. */
export type PassSource = PassFile | MemorySource | { readonly remote: ByteSource; readonly name: string };

/** What a worker reads from: `fed` bytes come in the order in which it asks for them. */
export type WorkerSource = PassFile | MemorySource | { readonly isFed: true; readonly name: string };

/** What all threads of a pass get: shared tables, descriptors it reads and writes itself, and the compiled kernels. */
export interface WorkerTask {
	readonly kernels: WebAssembly.Module;
	readonly operations: readonly Operation[];
	readonly steps: StepTableParts;
	readonly jobs: JobTableParts;
	readonly control: SharedArrayBuffer;
	/** In the order in which the step table numbers them. */
	readonly sources: readonly WorkerSource[];
	/** Where the bytes of sources that are fed arrive. */
	readonly feed: SharedArrayBuffer | undefined;
	readonly outputs: readonly PassFile[];
	readonly chunkByteLength: number;
	readonly digests: boolean;
}

export interface WorkerData {
	readonly task: WorkerTask;
	/** Number of the thread in its pass. */
	readonly thread: number;
}

/** What a worker says. `done` is its last word, also after a stop. */
export type WorkerMessage =
	| { readonly kind: "result"; readonly step: number; readonly result: StepResult }
	| { readonly kind: "digests"; readonly step: number; readonly digests: StepDigests }
	/** Bytes taken from the feed so far. */
	| { readonly kind: "taken"; readonly byteLength: number }
	| { readonly kind: "failed"; readonly failure: WorkerFailure }
	| { readonly kind: "done" };

/** A `ClipSoupError` as plain data; structured clone would drop its fields. */
export interface WorkerFailure {
	readonly code: ErrorCode;
	readonly message: string;
	readonly fix: string | undefined;
	readonly details: Readonly<Record<string, unknown>>;
}
