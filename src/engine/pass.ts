import { ClipSoupError } from "../errors.ts";
import { compileKernels } from "../kernels/compile.ts";
import type { Progress, Watch } from "../progress.ts";
import { Control } from "./control.ts";
import { fedRuns } from "./fed-runs.ts";
import { Feed } from "./feed.ts";
import { requireListed } from "./feed-digest.ts";
import { chunkByteLength, cutJobs, leastChunk } from "./jobs.ts";
import { type Operation, traitsOf } from "./operation.ts";
import type { PassFile, PassSource, WorkerData, WorkerMessage, WorkerTask } from "./protocol.ts";
import type { StepDigests, StepResult } from "./results.ts";
import type { StepTable } from "./step-table.ts";
import { isSmall, startThread, threadsOf } from "./threads.ts";
import { WorkerLoop } from "./worker-loop.ts";

/** One streaming pass over the sources: what `runPass` does, as data. */
export interface Pass {
	readonly phase: Progress["phase"];
	readonly operations: readonly Operation[];
	readonly steps: StepTable;
	readonly sources: readonly PassSource[];
	readonly outputs: readonly PassFile[];
	/** Number of threads. Default: as `threads.ts` has it. */
	readonly threads?: number | undefined;
	/** Bytes of one operand's buffer, for tests; default by the budget of `jobs.ts`. */
	readonly chunkByteLength?: number | undefined;
	/** SHA-256 of each step's operands and output, in the same pass over the bytes. */
	readonly digests?: boolean;
	/** Called for every result, in no fixed order; an element-wise step may have several. */
	readonly onResult: (step: number, result: StepResult) => void;
	readonly onDigests?: (step: number, digests: StepDigests) => void;
}

const PROGRESS_INTERVAL_MS = 100;

/**
 * Runs all steps in bounded memory, with worker threads unless it is small: it knows no layout, architecture or merge method.
 *
 * The result does not depend on the number of threads or the chunk size.
 * @returns names of remote sources that were read in part or out of order, so that their bytes were not compared with the
 *   digests that they are listed with
 * @throws the signal's reason once all threads have stopped, or the first `ClipSoupError` of a thread; ERR_HUB_INTEGRITY
 */
export async function runPass(pass: Pass, watch: Watch = {}): Promise<readonly string[]> {
	const { signal, onProgress, onFileDigest = requireListed } = watch;
	signal?.throwIfAborted();
	const isRemote = pass.sources.some((source) => "remote" in source);
	const load = { byteLength: passByteLength(pass), isRemote, threads: pass.threads };
	const threads = threadsOf(load);
	const control = new Control(pass.steps.length);
	const { task, jobCount, feed } = createTask(pass, control, threads);
	const stop = () => {
		control.stop();
		feed?.stop(signal?.reason);
	};
	signal?.addEventListener("abort", stop, { once: true });
	const report = progressReporter(pass, control, onProgress);
	const timer = onProgress && setInterval(report, PROGRESS_INTERVAL_MS);
	try {
		const feeding = feed?.run().catch((error: unknown) => {
			control.stop();
			throw error;
		});
		const count = Math.min(threads, jobCount);
		const run = isSmall(load) ? runHere : runWorker;
		const workers = Array.from({ length: count }, (_, thread) => run({ task, thread }, pass, { control, feed }));
		const outcomes = await Promise.allSettled([...workers, feeding]);
		signal?.throwIfAborted();
		const failed = outcomes.find((outcome) => outcome.status === "rejected");
		if (failed) throw failed.reason;
		report();
		for (const [source, sha256] of feed?.fileDigests ?? []) onFileDigest(source, sha256);
		return feed?.unchecked ?? [];
	} finally {
		clearInterval(timer);
		signal?.removeEventListener("abort", stop);
	}
}

interface Prepared {
	readonly task: WorkerTask;
	readonly jobCount: number;
	/** Of passes with remote sources. */
	readonly feed: Feed | undefined;
}

function createTask(pass: Pass, control: Control, threads: number): Prepared {
	const wanted = pass.chunkByteLength ?? chunkByteLength(threads, pass.steps.operandCount);
	const chunk = Math.max(wanted, ...pass.operations.map((operation) => leastChunk(traitsOf(operation))));
	const digests = pass.digests ?? false;
	const isRemote = pass.sources.some((source) => "remote" in source);
	const cut = { chunkByteLength: chunk, wholeTensors: digests, isFed: isRemote, threads };
	const jobs = cutJobs(pass.operations, pass.steps, control, cut);
	const feed = isRemote ? new Feed(() => fedRuns(pass, jobs, chunk), chunk) : undefined;
	const task: WorkerTask = {
		kernels: compileKernels(),
		operations: pass.operations,
		steps: pass.steps.parts,
		jobs: jobs.parts,
		control: control.buffer,
		sources: pass.sources.map((source) => ("remote" in source ? { isFed: true, name: source.name } : source)),
		feed: feed?.ring.buffer,
		outputs: pass.outputs,
		chunkByteLength: chunk,
		digests,
	};
	return { task, jobCount: jobs.length, feed };
}

/** What the threads of a pass have in common. */
interface Shared {
	readonly control: Control;
	readonly feed: Feed | undefined;
}

/** Runs all jobs in this thread. */
async function runHere({ task, thread }: WorkerData, pass: Pass): Promise<void> {
	// A copy, as one from another thread is: what a runner says it may say again with other contents.
	new WorkerLoop(task, (message) => take(structuredClone(message), pass)).run(thread);
}

function take(message: WorkerMessage, pass: Pass): void {
	if (message.kind === "result") pass.onResult(message.step, message.result);
	else if (message.kind === "digests") pass.onDigests?.(message.step, message.digests);
}

/** Runs one worker to its end; a failure stops the others, which then end at their next chunk. */
function runWorker(data: WorkerData, pass: Pass, { control, feed }: Shared): Promise<void> {
	const worker = startThread(data);
	return new Promise((resolve, reject) => {
		let failure: Error | undefined;
		worker.on("message", (message: WorkerMessage) => {
			if (message.kind === "taken") feed?.taken(message.byteLength);
			else if (message.kind === "failed") {
				control.stop();
				const { code, fix, details } = message.failure;
				failure = new ClipSoupError(code, message.failure.message, { details, ...(fix ? { fix } : {}) });
			} else take(message, pass);
		});
		worker.on("error", (error) => {
			control.stop();
			failure = error;
		});
		worker.on("exit", () => {
			// Whatever is still on its way to a worker that has gone is of no use.
			if (failure) feed?.stop(failure);
			if (failure) reject(failure);
			else resolve();
		});
	});
}

function progressReporter(pass: Pass, control: Control, onProgress: Watch["onProgress"]): () => void {
	if (!onProgress) return () => {};
	const bytesTotal = passByteLength(pass);
	return () =>
		onProgress({
			phase: pass.phase,
			tensorsDone: control.stepsDone,
			tensorsTotal: pass.steps.length,
			bytesDone: control.bytesDone,
			bytesTotal,
		});
}

/** Bytes that a pass reads and writes. */
function passByteLength({ operations, steps }: Pick<Pass, "operations" | "steps">): number {
	const traits = operations.map(traitsOf);
	let total = 0;
	for (let step = 0; step < steps.length; step++) {
		const { operandByteLengths = [], outputByteLength = 0 } = traits[steps.operation(step)] ?? {};
		const read = operandByteLengths.reduce((sum, bytes) => sum + bytes, 0);
		total += steps.elementCount(step) * (read + outputByteLength * steps.outputs(step).length);
	}
	return total;
}
