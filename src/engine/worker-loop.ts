import type { Hash } from "node:crypto";
import { readFully, writeFully } from "../bytes/descriptor.ts";
import { MeanWorkspace } from "../kernels/wasm.ts";
import { chunksOf, operandAt } from "./chunks.ts";
import { Control } from "./control.ts";
import { FeedRing } from "./feed-ring.ts";
import { type ReadSource, readOperand } from "./gather.ts";
import { type Job, JobTable } from "./job-table.ts";
import { chunkElements } from "./jobs.ts";
import { type OperationTraits, traitsOf } from "./operation.ts";
import { createRunner } from "./operations/index.ts";
import type { Runner } from "./operations/runner.ts";
import type { WorkerMessage, WorkerSource, WorkerTask } from "./protocol.ts";
import { StepTable } from "./step-table.ts";

/**
 * Bytes of one write of a thread that writes to files of its own. Linux takes memory for files in pieces as large as the
 * writes, and small ones lie ready more often than large ones, which a virtual machine has to get from its host. Threads
 * that wait for each other's writes to one file lose more by many of them than that.
 */
const MOST_WRITTEN_ALONE = 2 ** 16;

/** Says something to the thread that planned the pass. */
type Post = (message: WorkerMessage) => void;

/** A runner with what the loop asks of its operation again and again. */
interface Station {
	readonly runner: Runner;
	readonly traits: OperationTraits;
	readonly chunkElements: number;
}

/**
 * Takes jobs until there are none: reads each operand's chunk into the kernels' own memory, works on it there,
 * writes the result at its place. Nothing is copied in between, and no other thread is waited for.
 */
export class WorkerLoop {
	readonly #task: WorkerTask;
	readonly #post: Post;
	readonly #steps: StepTable;
	readonly #jobs: JobTable;
	readonly #control: Control;
	readonly #stations: readonly Station[];
	/** Bytes of one write. */
	readonly #mostWritten: number | undefined;
	/** One for each source. */
	readonly #readers: readonly ReadSource[];

	constructor(task: WorkerTask, post: Post) {
		this.#task = task;
		this.#post = post;
		this.#steps = StepTable.attach(task.steps);
		this.#jobs = JobTable.attach(task.jobs);
		this.#mostWritten = this.#jobs.laneCount > 1 ? MOST_WRITTEN_ALONE : undefined;
		this.#control = new Control(task.steps.length, task.control);
		const workspace = new MeanWorkspace(task.kernels, task.steps.operandCount, task.chunkByteLength);
		this.#stations = task.operations.map((operation) => {
			const traits = traitsOf(operation);
			const elements = chunkElements(traits, task.chunkByteLength);
			return { runner: createRunner(operation, workspace), traits, chunkElements: elements };
		});
		const ring = task.feed && new FeedRing(task.feed);
		this.#readers = task.sources.map((source) => readerOf(source, ring, this.#control, post));
	}

	/** @param thread number of this thread in its pass */
	run(thread: number): void {
		for (let job = this.#jobs.take(thread); job !== undefined; job = this.#jobs.take(thread)) {
			const station = this.#stations[this.#steps.operation(job.step)];
			if (station === undefined || !this.#runJob(job, station)) return;
			this.#control.jobDone(job.step);
		}
	}

	/** Runs one job; false if the pass was stopped meanwhile. */
	#runJob({ step, begin, end }: Job, station: Station): boolean {
		const { runner } = station;
		const hashes = this.#task.digests ? runner.sources.map(createHash) : [];
		const outputHash = this.#task.digests && runner.output ? createHash() : undefined;
		const range = { begin, end, most: station.chunkElements };
		for (const { first, count } of chunksOf(this.#steps, step, station.traits, range)) {
			if (this.#control.stopped) return false;
			let bytes = this.#read(step, station, first, count, hashes);
			// Stopped while it waited for bytes, which have not come then.
			if (this.#control.stopped) return false;
			runner.chunk(count, first);
			bytes += this.#write(step, station, first, count, outputHash);
			this.#control.addBytes(bytes);
		}
		const result = runner.end();
		if (result) this.#post({ kind: "result", step, result });
		if (this.#task.digests) {
			const operands = hashes.map((hash) => hash.digest("hex"));
			this.#post({ kind: "digests", step, digests: { operands, output: outputHash?.digest("hex") } });
		}
		return true;
	}

	#read(step: number, { runner, traits }: Station, first: number, count: number, hashes: readonly Hash[]): number {
		let total = 0;
		runner.sources.forEach((buffer, index) => {
			const elementBytes = traits.operandByteLengths[index] ?? 0;
			const target = buffer.subarray(0, count * elementBytes);
			const operand = operandAt(this.#steps, step, traits, index, first);
			const read = this.#readers[operand.source];
			if (read === undefined) throw new Error(`Step ${step} names a source that does not exist`);
			readOperand(read, target, traits, index, operand.position, { first, count });
			hashes[index]?.update(target);
			total += target.byteLength;
		});
		return total;
	}

	#write(step: number, { runner, traits }: Station, first: number, count: number, hash: Hash | undefined): number {
		if (runner.output === undefined) return 0;
		const bytes = runner.output.subarray(0, count * traits.outputByteLength);
		const places = this.#steps.outputs(step);
		for (const { file, position } of places) {
			const output = this.#task.outputs[file];
			if (output === undefined) throw new Error(`Step ${step} names an output that does not exist`);
			writeFully(output.descriptor, bytes, position + first * traits.outputByteLength, output.name, this.#mostWritten);
		}
		hash?.update(bytes);
		return places.length * bytes.byteLength;
	}
}

/** Reads the same bytes whether they lie in a file, in memory, or come from the feed. */
function readerOf(source: WorkerSource, ring: FeedRing | undefined, control: Control, post: Post): ReadSource {
	if ("bytes" in source) {
		return (target, position) => target.set(source.bytes.subarray(position, position + target.byteLength));
	}
	if ("descriptor" in source) return (target, position) => readFully(source.descriptor, target, position, source.name);
	if (ring === undefined) throw new Error(`"${source.name}" is fed, but there is no feed`);
	// The feed knows the order in which bytes are asked for, so that the position says nothing new.
	return (target) =>
		ring.take(
			target,
			() => control.stopped,
			(byteLength) => post({ kind: "taken", byteLength }),
		);
}

/** Loaded where there are digests only: it takes a tenth of a thread's start. */
function createHash(): Hash {
	return process.getBuiltinModule("node:crypto").createHash("sha256");
}
