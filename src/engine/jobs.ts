import type { Control } from "./control.ts";
import { byFile, bySource, type JobOrder, largestFirst } from "./job-order.ts";
import { type Job, JobTable } from "./job-table.ts";
import type { Operation } from "./operation.ts";
import { type OperationTraits, traitsOf } from "./operation.ts";
import type { StepTable } from "./step-table.ts";

/** Bytes of input and output buffers of all threads together. */
const BUFFER_BUDGET = 8 * 2 ** 20;
/** Largest chunk of one operand: 1 MB was the fastest of 256 KB, 1 MB and 4 MB with two threads on two cores. */
const MAX_CHUNK = 2 ** 20;
/** Smallest chunk: below it the system calls cost more than the copying. Reached above 255 operands with 2 threads. */
const MIN_CHUNK = 2 ** 14;

/** Bytes of one operand's buffer such that the buffers of all threads stay within the budget. */
export function chunkByteLength(threads: number, operandCount: number): number {
	const share = BUFFER_BUDGET / threads / (operandCount + 1);
	return Math.min(MAX_CHUNK, Math.max(MIN_CHUNK, 2 ** Math.floor(Math.log2(share))));
}

/** Elements of one chunk: as many, in whole rows of a matrix, as the widest of the operands and the output allows. */
export function chunkElements(traits: OperationTraits, byteLength: number): number {
	const row = traits.matrix?.columns ?? 1;
	return Math.floor(byteLength / widest(traits) / row) * row;
}

/** The least buffer that an operation can work with: one element, or one row of a matrix. */
export function leastChunk(traits: OperationTraits): number {
	return widest(traits) * (traits.matrix?.columns ?? 1);
}

function widest({ outputByteLength, operandByteLengths }: OperationTraits): number {
	return Math.max(outputByteLength, ...operandByteLengths);
}

/** How a pass is cut into jobs. */
export interface Cut {
	/** Bytes of one operand's buffer. */
	readonly chunkByteLength: number;
	/** Whether every job is a whole tensor. */
	readonly wholeTensors: boolean;
	/** Whether a source is streamed to the one thread there is. */
	readonly isFed: boolean;
	readonly threads: number;
}

/** Cuts steps into jobs, in an order that keeps all threads busy: see `job-order.ts`. */
export function cutJobs(operations: readonly Operation[], steps: StepTable, control: Control, cut: Cut): JobTable {
	const jobElements = operations.map((operation) => {
		const traits = traitsOf(operation);
		const isWhole = cut.wholeTensors || traits.granularity === "tensor";
		return isWhole ? Number.POSITIVE_INFINITY : chunkElements(traits, cut.chunkByteLength);
	});
	const elementsPerJob = (step: number) => jobElements[steps.operation(step)] ?? 1;
	const jobCounts = Uint32Array.from({ length: steps.length }, (_, step) =>
		Math.max(1, Math.ceil(steps.elementCount(step) / elementsPerJob(step))),
	);
	jobCounts.forEach((count, step) => {
		control.setRemaining(step, count);
	});
	const areWhole = jobElements.every((elements) => elements === Number.POSITIVE_INFINITY);
	const lanes = cut.isFed
		? [bySource(steps, jobCounts)]
		: areWhole
			? [largestFirst(steps, jobCounts)]
			: byFile(steps, jobCounts, cut.threads);
	const done = new Float64Array(steps.length);
	function* cutLane(order: JobOrder): Generator<Job, void, undefined> {
		for (const step of order) {
			const begin = done[step] ?? 0;
			const end = Math.min(steps.elementCount(step), begin + elementsPerJob(step));
			done[step] = end;
			yield { step, begin, end };
		}
	}
	const length = jobCounts.reduce((sum, count) => sum + count, 0);
	return JobTable.of(lanes.map(cutLane), length);
}
