import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byFile, bySource, largestFirst } from "../../src/engine/job-order.ts";
import { StepTable } from "../../src/engine/step-table.ts";

interface TestStep {
	/** Output file; undefined for a step that writes nothing. */
	readonly file: number | undefined;
	readonly jobs: number;
}

function tableOf(steps: readonly TestStep[]) {
	const table = new StepTable(steps.length, { operandCount: 1, outputCount: 1 });
	steps.forEach(({ file, jobs }, row) => {
		const outputs = file === undefined ? [] : [{ file, position: 0 }];
		table.set(row, { operation: 0, elementCount: jobs, operands: [{ source: 0, position: 0 }], outputs });
	});
	return { table, counts: Uint32Array.from(steps, ({ jobs }) => jobs) };
}

const anySteps = fc.array(
	fc.record({
		file: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
		jobs: fc.integer({ min: 1, max: 9 }),
	}),
);

function lanesOf(steps: readonly TestStep[], lanes: number): readonly (readonly number[])[] {
	const { table, counts } = tableOf(steps);
	return byFile(table, counts, lanes).map((lane) => [...lane]);
}

describe("byFile", () => {
	it("gives every job to one lane, and all jobs of a file to the same one in the order of the steps", () => {
		fc.assert(
			fc.property(anySteps, fc.integer({ min: 1, max: 8 }), (steps, most) => {
				const lanes = lanesOf(steps, most);
				expect(lanes.length).toBeLessThanOrEqual(most);
				expect(lanes.flat().toSorted((a, b) => a - b)).toEqual(
					steps.flatMap(({ jobs }, step) => Array(jobs).fill(step)),
				);
				for (const lane of lanes) {
					expect(lane).not.toEqual([]);
					expect(lane).toEqual(lane.toSorted((a, b) => a - b));
				}
				for (const file of new Set(steps.flatMap((step) => step.file ?? []))) {
					const holders = lanes.filter((lane) => lane.some((step) => steps[step]?.file === file));
					expect(holders).toHaveLength(1);
				}
			}),
		);
	});

	it("keeps the order of the steps in one lane", () => {
		const steps = [
			{ file: 1, jobs: 2 },
			{ file: 0, jobs: 1 },
			{ file: 1, jobs: 1 },
		];
		expect(lanesOf(steps, 1)).toEqual([[0, 0, 1, 2]]);
	});

	it("gives each of two files a lane of its own", () => {
		const steps = [
			{ file: 0, jobs: 4 },
			{ file: 1, jobs: 3 },
		];
		expect(lanesOf(steps, 2)).toEqual([
			[0, 0, 0, 0],
			[1, 1, 1],
		]);
	});

	it("gives each of two lanes one half of ten shards", () => {
		const shards = Array.from({ length: 10 }, (_, file) => ({ file, jobs: 1 }));
		expect(lanesOf(shards, 2)).toEqual([
			[0, 1, 2, 3, 4],
			[5, 6, 7, 8, 9],
		]);
	});
});

describe("bySource", () => {
	it("reads the files of the first operand one after the other, each from its start", () => {
		const table = new StepTable(4, { operandCount: 1, outputCount: 1 });
		const places = [
			[1, 0],
			[0, 90],
			[0, 10],
			[1, 5],
		] as const;
		places.forEach(([source, position], row) => {
			table.set(row, { operation: 0, elementCount: 1, operands: [{ source, position }] });
		});
		expect([...bySource(table, Uint32Array.of(1, 2, 1, 1))]).toEqual([2, 1, 1, 0, 3]);
	});
});

describe("largestFirst", () => {
	it("begins with the largest step, and of equal ones with the first", () => {
		const { table, counts } = tableOf([
			{ file: 0, jobs: 1 },
			{ file: 0, jobs: 3 },
			{ file: 0, jobs: 1 },
		]);
		expect([...largestFirst(table, counts)]).toEqual([1, 1, 1, 0, 2]);
	});
});
