import type { StepTable } from "./step-table.ts";

/** Step numbers, one for each job of the step, in the order in which jobs are taken. */
export type JobOrder = Iterable<number>;

/** Largest steps first, so that no thread is left alone with the last large one. */
export function largestFirst(steps: StepTable, jobCounts: Uint32Array): JobOrder {
	const rows = jobCounts.map((_, step) => step);
	return jobsOf(
		rows.sort((a, b) => steps.elementCount(b) - steps.elementCount(a) || a - b),
		jobCounts,
	);
}

/** In the order of the bytes of the first operand, so that files that are streamed are read from their start to their end. */
export function bySource(steps: StepTable, jobCounts: Uint32Array): JobOrder {
	const operands = Array.from(jobCounts, (_, step) => steps.operand(step, 0));
	const rows = jobCounts.map((_, step) => step);
	return jobsOf(
		rows.sort((a, b) => {
			const [one, other] = [operands[a], operands[b]];
			if (one === undefined || other === undefined) return 0;
			return one.source - other.source || one.position - other.position || a - b;
		}),
		jobCounts,
	);
}

/**
 * In the order of the steps, which is the order of the bytes; but the output files are shared out among up to `lanes` lanes,
 * by size and in their order, since the system lets one thread at a time write to a file.
 */
export function byFile(steps: StepTable, jobCounts: Uint32Array, lanes: number): readonly JobOrder[] {
	const laneOf = lanesOfFiles(steps, jobCounts, lanes);
	const rows = jobCounts.map((_, step) => step);
	const shares = Array.from({ length: lanes }, (_, lane) => rows.filter((step) => laneOf(step) === lane));
	return shares.filter((share) => share.length > 0).map((share) => jobsOf(share, jobCounts));
}

/** Each file's lane, by where in all the work its middle lies. */
function lanesOfFiles(steps: StepTable, jobCounts: Uint32Array, lanes: number): (step: number) => number {
	// What writes nowhere comes with the first file.
	const files = jobCounts.map((_, step) => steps.outputs(step)[0]?.file ?? 0);
	const sizes: number[] = [];
	files.forEach((file, step) => {
		sizes[file] = (sizes[file] ?? 0) + (jobCounts[step] ?? 0);
	});
	const total = jobCounts.reduce((sum, count) => sum + count, 0);
	let before = 0;
	const laneOf = Array.from(sizes, (size = 0) => {
		const middle = before + size / 2;
		before += size;
		return Math.floor((middle / total) * lanes);
	});
	return (step) => laneOf[files[step] ?? 0] ?? 0;
}

function* jobsOf(steps: Uint32Array, jobCounts: Uint32Array): Generator<number, void, undefined> {
	for (const step of steps) for (let job = 0; job < (jobCounts[step] ?? 0); job++) yield step;
}
