/**
 * Speed of the kernels on one core, data in the cache: `npm run bench:kernels`.
 *
 * Prints bytes of input per second, the median of several runs after a warm-up, and the scalar reference beside it.
 */

import { compileKernels } from "../src/kernels/compile.ts";
import type { MeanProblem } from "../src/kernels/mean-problem.ts";
import { meanScalar } from "../src/kernels/scalar.ts";
import { MeanWorkspace } from "../src/kernels/wasm.ts";
import { FLOAT_DTYPES, type FloatDtype, floatByteLength } from "../src/tensor/dtype.ts";
import { encodeFloat } from "../src/tensor/float-bits.ts";

// Chunks small enough for the L2 cache: the kernels are measured, not the memory.
const CHUNK_BYTE_LENGTH = 256 * 1024;
const SAMPLES = 15;
const SAMPLE_SECONDS = 0.02;

const kernels = compileKernels();

function repeat<T>(value: T, times: number): T[] {
	return Array.from({ length: times }, () => value);
}

function plainMean(dtype: FloatDtype, operands: number): MeanProblem {
	return { inputs: repeat(dtype, operands), weights: undefined, divisor: operands, output: dtype };
}

function weightedMean(dtype: FloatDtype, operands: number): MeanProblem {
	return { inputs: repeat(dtype, operands), weights: repeat(0.3, operands), divisor: 1.7, output: dtype };
}

function conversion(input: FloatDtype, output: FloatDtype): MeanProblem {
	return { inputs: [input], weights: undefined, divisor: 1, output };
}

const CASES: readonly (readonly [string, MeanProblem])[] = [
	...FLOAT_DTYPES.map((dtype) => [`mean of 2 ${dtype}`, plainMean(dtype, 2)] as const),
	...[3, 5, 8, 20].map((operands) => [`mean of ${operands} F16`, plainMean("F16", operands)] as const),
	...FLOAT_DTYPES.filter((dtype) => dtype !== "F16").map(
		(dtype) => [`mean of 5 ${dtype}`, plainMean(dtype, 5)] as const,
	),
	...FLOAT_DTYPES.map((dtype) => [`weighted mean of 2 ${dtype}`, weightedMean(dtype, 2)] as const),
	["F32 to F16", conversion("F32", "F16")],
	["F32 to BF16", conversion("F32", "BF16")],
	["F16 to F32", conversion("F16", "F32")],
	["BF16 to F32", conversion("BF16", "F32")],
	["F32 to F8_E4M3", conversion("F32", "F8_E4M3")],
];

/** Values like a model's weights: centred, of standard deviation 0.03. */
function fillWithWeights(bytes: Uint8Array, dtype: FloatDtype): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	for (let index = 0; index < bytes.byteLength / floatByteLength(dtype); index++) {
		encodeFloat(dtype, (Math.random() + Math.random() + Math.random() - 1.5) * 0.06, view, index);
	}
}

/** Median seconds of one call. */
function secondsOf(work: () => void): number {
	const samples = Array.from({ length: SAMPLES }, () => {
		let calls = 0;
		const start = performance.now();
		let milliseconds = 0;
		while (milliseconds < SAMPLE_SECONDS * 1000) {
			work();
			calls++;
			milliseconds = performance.now() - start;
		}
		return milliseconds / 1000 / calls;
	});
	return samples.toSorted((a, b) => a - b)[Math.floor(SAMPLES / 2)] ?? Number.NaN;
}

function measure(name: string, problem: MeanProblem): void {
	const workspace = new MeanWorkspace(kernels, problem.inputs.length, CHUNK_BYTE_LENGTH);
	for (const [k, dtype] of problem.inputs.entries()) {
		const source = workspace.sources[k];
		if (source !== undefined) fillWithWeights(source, dtype);
	}
	const count = CHUNK_BYTE_LENGTH / Math.max(...[...problem.inputs, problem.output].map(floatByteLength));
	const bytesPerElement = problem.inputs.reduce((sum, dtype) => sum + floatByteLength(dtype), 0);
	const simd = secondsOf(() => workspace.run(problem, count)) / count;
	const scalarCount = Math.min(count, 2048);
	const scalar =
		secondsOf(() => meanScalar(problem, workspace.sources, workspace.destination, scalarCount)) / scalarCount;
	const columns = [
		(bytesPerElement / simd / 1e9).toFixed(2).padStart(10),
		((simd * 1e9) / problem.inputs.length).toFixed(3).padStart(12),
		(bytesPerElement / scalar / 1e9).toFixed(3).padStart(12),
		`${(scalar / simd).toFixed(0)} ×`.padStart(9),
	];
	console.log(name.padEnd(26) + columns.join(""));
}

console.log(`Node ${process.version}, ${process.arch}, one thread, ${CHUNK_BYTE_LENGTH / 1024} KB of each input\n`);
console.log(
	`${"".padEnd(26)}${"SIMD GB/s".padStart(10)}${"ns/operand".padStart(12)}${"scalar GB/s".padStart(12)}${"gain".padStart(9)}`,
);
for (const [name, problem] of CASES) measure(name, problem);
