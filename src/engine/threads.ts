import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { ByteSource } from "../bytes/byte-source.ts";
import type { WorkerData } from "./protocol.ts";

/** Two keep the page cache busy. Each thread costs 8 MB on Node 20 and 12 MB on Node 24: a third would pass 128 MB there. */
const MOST_DEFAULT_THREADS = 2;
/** What one thread reads, works on and writes in the 50 ms in which another one starts. */
const BYTES_WORTH_A_THREAD = 32e6;
/** What is done before a thread has started, and so fast that nothing waits for it: the planning thread does it itself. */
const BYTES_WORTH_NO_THREAD = 8e6;
/** Young generation of a worker's heap: it makes small short-lived objects only. */
const WORKER_YOUNG_GENERATION_MB = 2;

/** What decides how many threads a pass has. */
export interface Workload {
	/** Bytes that are read and written. */
	readonly byteLength: number;
	readonly isRemote: boolean;
	/** As many as were asked for. Default: as many as have work, at most two. */
	readonly threads?: number | undefined;
}

/** The most threads of a pass: one if a source is remote, since the network is slower than it and the feed has one taker. */
export function mostThreads({ isRemote, threads }: Omit<Workload, "byteLength">): number {
	return isRemote ? 1 : (threads ?? Math.min(availableParallelism(), MOST_DEFAULT_THREADS));
}

/** The threads of a pass: as many as were asked for; else a second one only where there is work for it. */
export function threadsOf({ byteLength, ...wish }: Workload): number {
	const useful = Math.max(1, Math.ceil(byteLength / BYTES_WORTH_A_THREAD));
	return wish.threads === undefined ? Math.min(useful, mostThreads(wish)) : mostThreads(wish);
}

/** Whether one thread is enough and is not worth its start. */
export function isSmall(load: Workload): boolean {
	return !load.isRemote && threadsOf(load) === 1 && load.byteLength <= BYTES_WORTH_NO_THREAD;
}

/** Files that will be read. */
interface Readable {
	readonly files: readonly { readonly source: Pick<ByteSource, "byteLength" | "descriptor"> }[];
}

/** Threads that have started and wait for what they are to do. */
const waiting = new Set<Worker>();

/**
 * Starts the threads of a pass over these checkpoints while it is planned, which takes longer than the start but one core only.
 *
 * @returns ends those that no pass has taken
 */
export function startThreadsAhead(
	checkpoints: readonly Readable[],
	{ threads, dryRun = false }: { readonly threads?: number | undefined; readonly dryRun?: boolean | undefined },
): Disposable {
	const sources = checkpoints.flatMap(({ files }) => files.map(({ source }) => source));
	const byteLength = sources.reduce((sum, source) => sum + source.byteLength, 0);
	// What is remote is slow to come: nothing is won.
	const isRemote = sources.some(({ descriptor }) => descriptor === undefined);
	const load = { byteLength, isRemote, threads };
	const started = dryRun || isRemote || isSmall(load) ? [] : Array.from({ length: threadsOf(load) }, createWaiting);
	return {
		[Symbol.dispose]() {
			for (const worker of started) if (waiting.delete(worker)) void worker.terminate();
		},
	};
}

/** Gives a thread its work: one that waits, or a new one. */
export function startThread(data: WorkerData): Worker {
	const [worker = createWorker()] = waiting;
	waiting.delete(worker);
	worker.ref();
	worker.postMessage(data);
	return worker;
}

function createWaiting(): Worker {
	const worker = createWorker();
	waiting.add(worker);
	// The work may turn out not to be done: nobody is to wait for this one then. If it cannot run, another one will say so.
	worker.unref();
	worker.on("error", () => waiting.delete(worker));
	worker.on("exit", () => waiting.delete(worker));
	return worker;
}

function createWorker(): Worker {
	return new Worker(createRequire(import.meta.url).resolve("#engine-worker"), {
		resourceLimits: { maxYoungGenerationSizeMb: WORKER_YOUNG_GENERATION_MB },
	});
}
