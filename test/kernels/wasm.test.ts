import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileKernels } from "../../src/kernels/compile.ts";
import type { MeanProblem, MeanReport } from "../../src/kernels/mean-problem.ts";
import { meanScalar } from "../../src/kernels/scalar.ts";
import { BLOCK_ELEMENTS, MeanWorkspace } from "../../src/kernels/wasm.ts";
import { FLOAT_DTYPES, type FloatDtype, floatByteLength } from "../../src/tensor/dtype.ts";
import { decodeFloat, encodeFloat } from "../../src/tensor/float-bits.ts";
import { elementsOf, fillElements, KINDS, type Kind, randomNumbers, valuesOf } from "./elements.ts";

const MAX_OPERANDS = 9;
const MAX_COUNT = 2 * BLOCK_ELEMENTS + 37;
const CHUNK_BYTE_LENGTH = MAX_COUNT * 8;

const workspace = new MeanWorkspace(compileKernels(), MAX_OPERANDS, CHUNK_BYTE_LENGTH);

/** Runs the kernels on the workspace's sources and demands the bytes and the counts of `meanScalar`. */
function expectScalarResult(problem: MeanProblem, count: number): MeanReport | undefined {
	const sources = problem.inputs.map((_, k) => Uint8Array.from(workspace.sources[k] ?? []));
	const byteLength = count * floatByteLength(problem.output);
	const expected = new Uint8Array(byteLength);
	const expectedReport = meanScalar(problem, sources, expected, count);
	const hasFault = expectedReport.overflow > 0 || expectedReport.nonFinite.some((faults) => faults > 0);
	const report = workspace.run(problem, count);
	expect(report).toEqual(hasFault ? expectedReport : undefined);
	const actual = workspace.destination.subarray(0, byteLength);
	if (Buffer.compare(expected, actual) !== 0) {
		const index = valuesOf("F8_E5M2", expected).findIndex((_, byte) => expected[byte] !== actual[byte]);
		expect.fail(`byte ${index} is ${actual[index]}, expected ${expected[index]}`);
	}
	return report;
}

function uniform(dtype: FloatDtype, operands: number): MeanProblem {
	return {
		inputs: Array.from({ length: operands }, () => dtype),
		weights: undefined,
		divisor: operands,
		output: dtype,
	};
}

function fillSources(inputs: readonly FloatDtype[], kinds: readonly Kind[], seed: number): void {
	const random = randomNumbers(seed);
	for (const [k, dtype] of inputs.entries()) {
		const bytes = workspace.sources[k]?.subarray(0, MAX_COUNT * floatByteLength(dtype));
		if (bytes !== undefined) fillElements(bytes, dtype, kinds[k % kinds.length] ?? "bits", random);
	}
}

function setSources(dtype: FloatDtype, ...inputs: number[][]): void {
	for (const [k, values] of inputs.entries()) workspace.sources[k]?.set(elementsOf(dtype, values));
}

const dtypes = fc.constantFrom(...FLOAT_DTYPES);
const counts = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: BLOCK_ELEMENTS - 9, max: MAX_COUNT }));
const kinds = fc.oneof(
	fc.constantFrom(...KINDS).map((kind) => [kind]),
	fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 3 }),
);
const seeds = fc.integer();
const weights = fc.oneof(fc.constantFrom(0, 1, -0.5, 0.3, 2, 1e300), fc.double({ min: -4, max: 4, noNaN: true }));

describe("run gives the bytes and the counts of meanScalar", () => {
	test("for any mix of dtypes, weights and divisor", () => {
		const problems = fc
			.record({
				operands: fc.array(fc.tuple(dtypes, weights), { minLength: 1, maxLength: MAX_OPERANDS }),
				isWeighted: fc.boolean(),
				divisor: fc.constantFrom(1, 2, 3, 4, 0.3, -1.5, 1e-300),
				output: dtypes,
			})
			.map(({ operands, isWeighted, divisor, output }) => ({
				inputs: operands.map(([dtype]) => dtype),
				weights: isWeighted ? operands.map(([, weight]) => weight) : undefined,
				divisor: isWeighted ? divisor : operands.length,
				output,
			}));
		fc.assert(
			fc.property(problems, counts, kinds, seeds, (problem, count, kind, seed) => {
				fillSources(problem.inputs, kind, seed);
				expectScalarResult(problem, count);
			}),
			{ numRuns: 150 },
		);
	});

	describe.each(FLOAT_DTYPES)("from %s", (input) => {
		test.each(FLOAT_DTYPES)("to %s, for each kind of values", (output) => {
			for (const [seed, kind] of KINDS.entries()) {
				fillSources([input, input], [kind], seed);
				expectScalarResult({ inputs: [input], weights: undefined, divisor: 1, output }, MAX_COUNT);
				expectScalarResult({ inputs: [input, input], weights: [0.3, 0.7], divisor: 1, output }, MAX_COUNT);
			}
		});
	});

	test.each(FLOAT_DTYPES)("for a plain mean of %s", (dtype) => {
		const operands = fc.oneof(fc.constant(2), fc.integer({ min: 3, max: MAX_OPERANDS }));
		fc.assert(
			fc.property(operands, counts, kinds, seeds, (n, count, kind, seed) => {
				fillSources(uniform(dtype, n).inputs, kind, seed);
				expectScalarResult(uniform(dtype, n), count);
			}),
			{ numRuns: 60 },
		);
	});
});

test.each(["F16", "BF16"] as const)("halves every sum of two %s with the same high byte", (dtype) => {
	const low = (index: number) => index & 0xff;
	for (let high = 0; high < 256; high++) {
		const a = workspace.sources[0] ?? new Uint8Array();
		const b = workspace.sources[1] ?? new Uint8Array();
		for (let index = 0; index < BLOCK_ELEMENTS; index++) {
			a.set([low(index), high], 2 * index);
			b.set([low(index * 167 + high), high ^ ((index & 1) << 7)], 2 * index);
		}
		expectScalarResult(uniform(dtype, 2), BLOCK_ELEMENTS);
	}
});

test.each(FLOAT_DTYPES)("a mean of %s −0 is −0, and +0 with one +0 in it", (dtype) => {
	for (const operands of [1, 2, 3, 5]) {
		const zeros = Array.from({ length: operands }, (_, k) => [-0, k === operands - 1 ? 0 : -0]);
		setSources(dtype, ...zeros);
		for (const weights of [undefined, zeros.map(() => 0.5)]) {
			expect(workspace.run({ ...uniform(dtype, operands), weights }, 2)).toBeUndefined();
			expect(valuesOf(dtype, workspace.destination.subarray(0, 2 * floatByteLength(dtype)))).toEqual([-0, 0]);
		}
	}
});

describe("float32 shortcuts step aside", () => {
	test("where a sum of two F32 or BF16 overflows float32 and their mean does not", () => {
		for (const [dtype, largest] of [["F32", 2 ** 128 - 2 ** 104] as const, ["BF16", 2 ** 128 - 2 ** 120] as const]) {
			setSources(dtype, [largest, largest, -largest, 1], [largest, 2 ** 127, -largest, 2]);
			expect(expectScalarResult(uniform(dtype, 2), 4)).toBeUndefined();
			expect(valuesOf(dtype, workspace.destination.subarray(0, floatByteLength(dtype)))).toEqual([largest]);
		}
	});

	test.each([1, -1])("where a partial sum of F16 goes past %i, even if the whole does not", (limit) => {
		const unit = Math.sign(limit) * 2 ** -24;
		// Zeros behind it: other leftovers would make the block step aside for themselves.
		for (const source of workspace.sources) source.fill(0);
		setSources("F16", [limit], [5 * unit], [-limit]);
		expect(expectScalarResult(uniform("F16", 3), 1)).toBeUndefined();
		// float32 has no 1 + 5·2^-24 and would leave 4 units of it, whose third rounds to 1.
		expect(valuesOf("F16", workspace.destination.subarray(0, 2))).toEqual([2 * unit]);
	});

	test.each([3, 5, 6, 7, 9])("at the quotients of %i F16 that lie next to a tie", (operands) => {
		const step = 2 ** -24;
		for (let start = 0; start < 2 ** 24; start += 65537 * 7) {
			const sums = Array.from({ length: BLOCK_ELEMENTS }, (_, index) => Math.min(start + index * 31, 2 ** 24) * step);
			// Split each sum into F16 terms, exactly: 2^13 and 2^2 steps apart, then the rest.
			const high = sums.map((sum) => Math.floor(sum / 2 ** -11) * 2 ** -11);
			const middle = sums.map((sum, index) => Math.floor((sum - (high[index] ?? 0)) / 2 ** -20) * 2 ** -20);
			const rest = sums.map((sum, index) => sum - (high[index] ?? 0) - (middle[index] ?? 0));
			const zeros = Array.from({ length: operands - 3 }, () => sums.map(() => 0));
			setSources("F16", high, middle, rest, ...zeros);
			expect(expectScalarResult(uniform("F16", operands), BLOCK_ELEMENTS)).toBeUndefined();
		}
	});
});

describe("faults", () => {
	test.each([
		[2, "F32"],
		[2, "F16"],
		[2, "BF16"],
		[5, "F16"],
		[3, "F32"],
		[3, "F8_E4M3"],
		[3, "F8_E5M2"],
	] as const)("one NaN or opposite Infs in %i inputs of %s are counted wherever they are", (operands, dtype) => {
		const count = BLOCK_ELEMENTS + 21;
		for (const index of [0, 1, 7, 8, 15, 31, BLOCK_ELEMENTS - 1, BLOCK_ELEMENTS, count - 1]) {
			for (let k = 0; k < operands; k++) {
				fillSources(uniform(dtype, operands).inputs, ["weights"], index);
				workspace.sources[k]?.set(elementsOf(dtype, [Number.NaN]), index * floatByteLength(dtype));
				expect(expectScalarResult(uniform(dtype, operands), count)?.nonFinite[k]).toBe(1);
				const other = (k + 1) % operands;
				workspace.sources[k]?.set(elementsOf(dtype, [Infinity]), index * floatByteLength(dtype));
				workspace.sources[other]?.set(elementsOf(dtype, [-Infinity]), index * floatByteLength(dtype));
				expect(expectScalarResult(uniform(dtype, operands), count)?.nonFinite[other]).toBe(1);
			}
		}
	});

	test("leftovers past the last element are no fault", () => {
		for (const source of workspace.sources) source.fill(0xff);
		setSources("F16", [1, 2, 3], [3, 2, 1], [2, 2, 2]);
		expect(expectScalarResult(uniform("F16", 3), 3)).toBeUndefined();
		expect(expectScalarResult(uniform("F16", 2), 3)).toBeUndefined();
	});

	test("sources are left as they were, and so is the one past the last used", () => {
		fillSources(["F64", "F64", "F64"], ["bits"], 7);
		const before = workspace.sources.map((source) => Uint8Array.from(source));
		workspace.run(uniform("F64", 3), MAX_COUNT);
		expect(workspace.sources.map((source, k) => Buffer.compare(source, before[k] ?? source))).toEqual(
			before.map(() => 0),
		);
	});

	test("a problem that does not fit the workspace is refused", () => {
		expect(() => workspace.run(uniform("F64", 2), MAX_COUNT + 1)).toThrow(RangeError);
		expect(() => workspace.run(uniform("F16", MAX_OPERANDS + 1), 1)).toThrow(RangeError);
	});
});

describe.each(FLOAT_DTYPES)("decode of %s", (dtype) => {
	test("gives the values of float-bits for any bits, from any element on", () => {
		fillSources([dtype, dtype], ["bits"], 3);
		const expected = valuesOf(
			dtype,
			workspace.sources[1]?.subarray(0, MAX_COUNT * floatByteLength(dtype)) ?? new Uint8Array(),
		);
		for (const first of [0, 1, 3, MAX_COUNT - BLOCK_ELEMENTS]) {
			const values = workspace.decode(dtype, 1, first, BLOCK_ELEMENTS);
			expect([...values]).toEqual(expected.slice(first, first + BLOCK_ELEMENTS));
		}
		expect(workspace.decode(dtype, 1, 2, 5)).toHaveLength(5);
	});

	test("gives every pattern of 8 and 16 bits", () => {
		const patterns = 2 ** Math.min(8 * floatByteLength(dtype), 16);
		const source = workspace.sources[0] ?? new Uint8Array();
		const byteLength = floatByteLength(dtype);
		for (let start = 0; start < patterns; start += BLOCK_ELEMENTS) {
			const count = Math.min(BLOCK_ELEMENTS, patterns - start);
			for (let index = 0; index < count; index++) {
				source.fill(0, index * byteLength, (index + 1) * byteLength);
				// The pattern goes to the end with the sign and the exponent.
				const bits = start + index;
				if (byteLength === 1) source[index] = bits;
				else source.set([bits & 0xff, bits >> 8], (index + 1) * byteLength - 2);
			}
			const expected = valuesOf(dtype, source.subarray(0, count * byteLength));
			expect([...workspace.decode(dtype, 0, 0, count)]).toEqual(expected);
		}
	});
});

describe.each(FLOAT_DTYPES)("seemsFinite of %s", (dtype) => {
	const width = floatByteLength(dtype);

	test("finds a NaN or Inf at any place, and nothing in finite bits", () => {
		const count = 100;
		const workspace = new MeanWorkspace(compileKernels(), 1, count * width);
		const [source = new Uint8Array()] = workspace.sources;
		for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
			for (let place = 0; place < count; place++) {
				fillElements(source, dtype, "finiteBits", randomNumbers(place));
				expect(workspace.seemsFinite(dtype, 0, count)).toBe(true);
				encodeFloat(dtype, value, new DataView(source.buffer, source.byteOffset, source.byteLength), place);
				expect(workspace.seemsFinite(dtype, 0, count)).toBe(false);
			}
		}
	});
});

describe.each(FLOAT_DTYPES.filter((dtype) => floatByteLength(dtype) <= 2))("seemsFinite of every %s", (dtype) => {
	test("is what the decoder says", () => {
		const width = floatByteLength(dtype);
		const workspace = new MeanWorkspace(compileKernels(), 1, 32);
		const [source = new Uint8Array()] = workspace.sources;
		const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
		for (let bits = 0; bits < 2 ** (8 * width); bits++) {
			if (width === 1) view.setUint8(0, bits);
			else view.setUint16(0, bits, true);
			expect(workspace.seemsFinite(dtype, 0, 1)).toBe(Number.isFinite(decodeFloat(dtype, view, 0)));
		}
	});
});
