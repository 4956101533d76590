import type { ByteSource } from "../bytes/byte-source.ts";
import { chunksOf, operandAt } from "./chunks.ts";
import { operandRuns } from "./gather.ts";
import type { JobTable } from "./job-table.ts";
import { chunkElements } from "./jobs.ts";
import { traitsOf } from "./operation.ts";
import type { Plan } from "./plan.ts";

/** Bytes of one remote source, and their place in the stream that the worker takes. */
export interface FedRun {
	readonly source: ByteSource;
	readonly position: number;
	readonly byteLength: number;
	readonly at: number;
	/** Whether it is one of many of a matrix that is stored the other way round. */
	readonly isStrided: boolean;
}

/** What a worker that takes the jobs one after the other asks of remote sources, in order. */
export function* fedRuns(
	{ operations, steps, sources }: Pick<Plan, "operations" | "steps" | "sources">,
	jobs: JobTable,
	chunkByteLength: number,
): Generator<FedRun, void, undefined> {
	const kinds = operations.map((operation) => {
		const traits = traitsOf(operation);
		return { traits, elements: chunkElements(traits, chunkByteLength) };
	});
	let at = 0;
	for (let job = 0; job < jobs.length; job++) {
		const { step, begin, end } = jobs.at(job);
		const kind = kinds[steps.operation(step)];
		if (kind === undefined) throw new Error(`Step ${step} names an operation that does not exist`);
		const range = { begin, end, most: kind.elements };
		for (const elements of chunksOf(steps, step, kind.traits, range)) {
			for (const operand of kind.traits.operandByteLengths.keys()) {
				const { source: number, position } = operandAt(steps, step, kind.traits, operand, elements.first);
				const source = sources[number];
				if (source === undefined || !("remote" in source)) continue;
				const isStrided = kind.traits.matrix?.transposed[operand] ?? false;
				for (const run of operandRuns(kind.traits, operand, position, elements)) {
					yield { source: source.remote, ...run, at, isStrided };
					at += run.byteLength;
				}
			}
		}
	}
}
