import { expect, test } from "vitest";
import type { MeanProblem, MeanReport } from "../../src/kernels/mean-problem.ts";
import { meanScalar } from "../../src/kernels/scalar.ts";
import type { FloatDtype } from "../../src/tensor/dtype.ts";
import { elementsOf, valuesOf } from "./elements.ts";

function uniform(dtype: FloatDtype, operands: number): MeanProblem {
	return {
		inputs: Array.from({ length: operands }, () => dtype),
		weights: undefined,
		divisor: operands,
		output: dtype,
	};
}

function mean(problem: MeanProblem, ...inputs: number[][]): { values: number[]; report: MeanReport } {
	const count = inputs[0]?.length ?? 0;
	const sources = inputs.map((values, k) => elementsOf(problem.inputs[k] ?? "F64", values));
	const destination = elementsOf(problem.output, new Array(count).fill(0));
	const report = meanScalar(problem, sources, destination, count);
	return { values: valuesOf(problem.output, destination), report };
}

test("divides the sum, and does not add multiples of 1/n", () => {
	expect(mean(uniform("F64", 3), [1], [2], [4]).values).toEqual([7 / 3]);
	expect(1 * (1 / 3) + 2 * (1 / 3) + 4 * (1 / 3)).not.toBe(7 / 3);
});

test("rounds once: what float32 would round to a tie does not go to even", () => {
	// 2^-33 below the tie of two F16, which float32 cannot see; the upper one is even.
	const problem: MeanProblem = { inputs: ["F64"], weights: undefined, divisor: 1, output: "F16" };
	expect(mean(problem, [1 + 3 * 2 ** -11 - 2 ** -33]).values).toEqual([1 + 2 ** -10]);
});

test("keeps −0 where every term is −0", () => {
	expect(mean(uniform("F32", 2), [-0, -0], [-0, 0]).values).toEqual([-0, 0]);
});

test("divides by the sum of the weights, and not the weights", () => {
	const problem: MeanProblem = { inputs: ["F64", "F64"], weights: [0.1, 0.2], divisor: 0.1 + 0.2, output: "F64" };
	expect(mean(problem, [3], [7]).values).toEqual([(0.1 * 3 + 0.2 * 7) / (0.1 + 0.2)]);
});

test("counts NaN and Inf for each input, also under a weight of zero", () => {
	const problem: MeanProblem = { inputs: ["F32", "F16"], weights: [0, 1], divisor: 1, output: "F32" };
	const { values, report } = mean(problem, [Number.NaN, 1, -Infinity], [1, Infinity, Infinity]);
	expect(report).toEqual({ nonFinite: [2, 2], overflow: 0 });
	expect(values).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NaN]);
});

test("counts as overflow only what was finite in every input", () => {
	const problem: MeanProblem = { inputs: ["F64", "F64"], weights: [1, 1], divisor: 1, output: "F16" };
	const { values, report } = mean(problem, [65504, 65504, 1e308, Infinity], [15.9, 16, 1e308, 1]);
	expect(report).toEqual({ nonFinite: [1, 0], overflow: 2 });
	expect(values).toEqual([65504, Infinity, Infinity, Infinity]);
});

test("stores what overflows E4M3 as its NaN", () => {
	const problem: MeanProblem = { inputs: ["F32"], weights: [-1], divisor: 1, output: "F8_E4M3" };
	const destination = new Uint8Array(3);
	expect(meanScalar(problem, [elementsOf("F32", [464, 465, 448])], destination, 3).overflow).toBe(1);
	expect([...destination]).toEqual([0xfe, 0x7f, 0xfe]);
});
