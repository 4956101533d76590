import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Job, JobTable } from "../../src/engine/job-table.ts";

function tableOf(lengths: readonly number[]): JobTable {
	let step = 0;
	const lanes = lengths.map((length) => Array.from({ length }, (): Job => ({ step: step++, begin: 1, end: 2 })));
	return JobTable.of(lanes, step);
}

describe("JobTable", () => {
	it("lets a thread take the jobs of its own lane first, then help with the others", () => {
		const table = tableOf([2, 3]);
		const steps = Array.from({ length: 6 }, () => table.take(1)?.step);
		expect(steps).toEqual([2, 3, 4, 0, 1, undefined]);
	});

	it("gives every job to one thread, however threads take turns and with lanes fewer or more than threads", () => {
		const lengths = fc.array(fc.nat(5), { minLength: 1, maxLength: 5 });
		const turns = fc.array(fc.nat(3), { maxLength: 40 });
		fc.assert(
			fc.property(lengths, turns, (jobs, threads) => {
				const table = tableOf(jobs);
				// What the turns leave, one thread takes at the end.
				const rest = Array.from({ length: table.length }, () => 0);
				const taken = [...threads, ...rest].flatMap((thread) => table.take(thread)?.step ?? []);
				expect(taken.toSorted((a, b) => a - b)).toEqual([...Array(table.length).keys()]);
				expect(table.take(2)).toBeUndefined();
			}),
		);
	});

	it("is the same seen by another thread", () => {
		const table = tableOf([1, 1]);
		const other = JobTable.attach(structuredClone(table.parts));
		expect(other.length).toBe(2);
		expect(table.take(0)).toEqual({ step: 0, begin: 1, end: 2 });
		expect(other.take(0)).toEqual({ step: 1, begin: 1, end: 2 });
		expect(table.take(0)).toBeUndefined();
	});
});
