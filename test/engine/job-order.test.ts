import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bySource, inOrder, largestFirst } from "../../src/engine/job-order.ts";
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

describe("inOrder", () => {
	it("takes every job once, and those of one file in the order of the steps, with any number of lanes", () => {
		fc.assert(
			fc.property(anySteps, fc.integer({ min: 1, max: 8 }), (steps, lanes) => {
				const { table, counts } = tableOf(steps);
				const order = [...inOrder(table, counts, lanes)];
				expect(order.toSorted((a, b) => a - b)).toEqual(steps.flatMap(({ jobs }, step) => Array(jobs).fill(step)));
				for (const file of new Set(steps.map((step) => step.file))) {
					const ofFile = order.filter((step) => steps[step]?.file === file);
					expect(ofFile).toEqual(ofFile.toSorted((a, b) => a - b));
				}
			}),
		);
	});

	it("keeps the order of the steps in one lane", () => {
		const { table, counts } = tableOf([
			{ file: 1, jobs: 2 },
			{ file: 0, jobs: 1 },
			{ file: 1, jobs: 1 },
		]);
		expect([...inOrder(table, counts, 1)]).toEqual([0, 0, 1, 2]);
	});

	it("lets two files take turns, and end together", () => {
		const { table, counts } = tableOf([
			{ file: 0, jobs: 6 },
			{ file: 1, jobs: 3 },
		]);
		expect([...inOrder(table, counts, 2)]).toEqual([0, 1, 0, 0, 1, 0, 0, 1, 0]);
	});

	it("gives each of two lanes one half of ten shards", () => {
		const { table, counts } = tableOf(Array.from({ length: 10 }, (_, file) => ({ file, jobs: 1 })));
		expect([...inOrder(table, counts, 2)]).toEqual([0, 5, 1, 6, 2, 7, 3, 8, 4, 9]);
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
