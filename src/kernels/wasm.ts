import { type FloatDtype, floatByteLength } from "../tensor/dtype.ts";
import type { MeanProblem, MeanReport } from "./mean-problem.ts";
import { meanScalar } from "./scalar.ts";

/**
 * Elements worked on at a time. A block of float64 sums is 8 KB and stays in the L1 cache; a block is also what is done
 * again when one of its elements needs it. Half as many cost about 3 % more in calls, twice as many 3 % less.
 */
export const BLOCK_ELEMENTS = 1024;

type Accumulate = (source: number, sums: number, count: number, weight: number) => void;
type Round = (sums: number, destination: number, count: number, factor: number) => number;
type Pair = (a: number, b: number, destination: number, count: number) => number;
type IsFinite = (source: number, count: number) => number;

/** The exports of assembly/index.ts. All but `accumulate…` and `divide` return whether the block is right, 0 or 1. */
interface Kernels
	extends Record<`accumulate${FloatDtype}`, Accumulate>,
		Record<`round${FloatDtype}`, Round>,
		Record<`isFinite${FloatDtype}`, IsFinite> {
	divide(sums: number, count: number, divisor: number): void;
	meanF16(source: number, stride: number, operands: number, destination: number, count: number): number;
	readonly pairF32: Pair;
	readonly pairF16: Pair;
	readonly pairBF16: Pair;
}

/** Does elements `first` to `first + count`, at most a block, and returns whether they are right. */
type BlockKernel = (first: number, count: number) => boolean;

const PAGE_BYTES = 65536;

/** Regions start on a cache line. */
const ALIGNMENT = 64;

/**
 * Room after each region for the vectors that reach past its end, by 31 F16 or 7 F64 at most. It also staggers regions
 * whose length is a power of two, which would compete for the same sets of the cache.
 */
const PADDING = 64;

/**
 * Memory for one thread's means: fill `sources`, `run` a problem, take the result from `destination`.
 *
 * Everything lies in one WebAssembly memory whose size never changes, so the views stay valid. Bytes of `destination`
 * past the result are undefined.
 */
export class MeanWorkspace {
	/** One region of `chunkByteLength` bytes for each operand. */
	readonly sources: readonly Uint8Array[];
	/** A region of `chunkByteLength` bytes. */
	readonly destination: Uint8Array;
	readonly #kernels: Kernels;
	readonly #stride: number;
	readonly #sums: Float64Array;

	constructor(module: WebAssembly.Module, operands: number, chunkByteLength: number) {
		this.#stride = Math.ceil(chunkByteLength / ALIGNMENT) * ALIGNMENT + PADDING;
		const sumsOffset = (operands + 1) * this.#stride;
		const byteLength = sumsOffset + BLOCK_ELEMENTS * Float64Array.BYTES_PER_ELEMENT;
		const memory = new WebAssembly.Memory({ initial: Math.ceil(byteLength / PAGE_BYTES) });
		const region = (index: number) => new Uint8Array(memory.buffer, index * this.#stride, chunkByteLength);
		this.sources = Array.from({ length: operands }, (_, k) => region(k));
		this.destination = region(operands);
		this.#sums = new Float64Array(memory.buffer, sumsOffset, BLOCK_ELEMENTS);
		this.#kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
	}

	/**
	 * The mean of the first `count` elements of the first sources, into `destination`; bit for bit that of `meanScalar`.
	 *
	 * @returns the faults met, or undefined if everything, inputs and output, is finite.
	 */
	run(problem: MeanProblem, count: number): MeanReport | undefined {
		this.#assertFits(problem, count);
		const kernels = [this.#float32Kernel(problem), this.#generalKernel(problem)].filter(
			(kernel) => kernel !== undefined,
		);
		const reports: MeanReport[] = [];
		for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
			const length = Math.min(BLOCK_ELEMENTS, count - first);
			if (!kernels.some((kernel) => kernel(first, length))) reports.push(this.#runScalar(problem, first, length));
		}
		return total(reports);
	}

	/**
	 * Elements `first` to `first + count`, at most `BLOCK_ELEMENTS`, of source `index`, exactly.
	 *
	 * The values are valid until the next call of `decode` or `run`.
	 */
	decode(dtype: FloatDtype, index: number, first: number, count: number): Float64Array {
		this.#clearSums();
		this.#kernels[`accumulate${dtype}`](this.#address(index, dtype, first), this.#sums.byteOffset, count, 1);
		return this.#sums.subarray(0, count);
	}

	/**
	 * Whether the first `count` elements of source `index` are finite. A false may be due to what the source held before,
	 * up to 31 bytes past them.
	 */
	seemsFinite(dtype: FloatDtype, index: number, count: number): boolean {
		return this.#kernels[`isFinite${dtype}`](this.#address(index, dtype, 0), count) !== 0;
	}

	/** A shortcut through float32 that gives the contract's bits; the proofs are in assembly/pair.ts and mean-f16.ts. */
	#float32Kernel({ inputs, weights, divisor, output }: MeanProblem): BlockKernel | undefined {
		const operands = inputs.length;
		const isPlainMean = weights === undefined && divisor === operands && inputs.every((dtype) => dtype === output);
		if (!isPlainMean) return undefined;
		const { pairF32, pairF16, pairBF16, meanF16 } = this.#kernels;
		const pairs: Partial<Record<FloatDtype, Pair>> = { F32: pairF32, F16: pairF16, BF16: pairBF16 };
		const pair = pairs[output];
		const address = (region: number, first: number) => this.#address(region, output, first);
		const target = this.sources.length;
		if (operands === 2 && pair !== undefined) {
			return (first, count) => pair(address(0, first), address(1, first), address(target, first), count) !== 0;
		}
		if (operands >= 3 && operands < MEAN_F16_OPERANDS && output === "F16") {
			return (first, count) => meanF16(address(0, first), this.#stride, operands, address(target, first), count) !== 0;
		}
		return undefined;
	}

	#generalKernel({ inputs, weights, divisor, output }: MeanProblem): BlockKernel {
		const kernels = this.#kernels;
		const round = kernels[`round${output}`];
		const terms = inputs.map((dtype, k) => ({
			accumulate: kernels[`accumulate${dtype}`],
			addressOf: (first: number) => this.#address(k, dtype, first),
			weight: weights?.[k] ?? 1,
		}));
		const factor = exactReciprocal(divisor);
		const sums = this.#sums.byteOffset;
		return (first, count) => {
			this.#clearSums();
			for (const { accumulate, addressOf, weight } of terms) accumulate(addressOf(first), sums, count, weight);
			if (factor === undefined) kernels.divide(sums, count, divisor);
			return round(sums, this.#address(this.sources.length, output, first), count, factor ?? 1) !== 0;
		};
	}

	#runScalar(problem: MeanProblem, first: number, count: number): MeanReport {
		const block = (bytes: Uint8Array, dtype: FloatDtype) => bytes.subarray(first * floatByteLength(dtype));
		const sources = this.sources.flatMap((bytes, k) => {
			const dtype = problem.inputs[k];
			return dtype === undefined ? [] : [block(bytes, dtype)];
		});
		return meanScalar(problem, sources, block(this.destination, problem.output), count);
	}

	/** −0 + x is x for every x, −0 among them: the sum starts at its first term. */
	#clearSums(): void {
		this.#sums.fill(-0);
	}

	/** Address of element `first` of a region: the sources in order, then the destination. */
	#address(region: number, dtype: FloatDtype, first: number): number {
		return region * this.#stride + first * floatByteLength(dtype);
	}

	/** Kernels check no bounds: what does not fit would overwrite the next region. */
	#assertFits({ inputs, output }: MeanProblem, count: number): void {
		const widest = Math.max(...inputs.map(floatByteLength), floatByteLength(output));
		const room = Math.floor(this.destination.byteLength / widest);
		if (inputs.length > this.sources.length || count > room) {
			throw new RangeError(
				`Cannot average ${count} elements of ${inputs.length} inputs: expected at most ${room} of ${this.sources.length}`,
			);
		}
	}
}

/** `meanF16` is proved for fewer operands than this. */
const MEAN_F16_OPERANDS = 2 ** 13;

/** 1 / divisor if that is exact, so that a multiplication by it is the division; only small integers are looked at. */
function exactReciprocal(divisor: number): number | undefined {
	const isPowerOfTwo =
		Number.isInteger(divisor) && divisor >= 1 && divisor <= 2 ** 30 && (divisor & (divisor - 1)) === 0;
	return isPowerOfTwo ? 1 / divisor : undefined;
}

/** The sum of reports, or undefined if there is no fault in them: leftovers past the end can have a block done again. */
function total(reports: readonly MeanReport[]): MeanReport | undefined {
	const nonFinite = reports[0]?.nonFinite.map((_, k) =>
		reports.reduce((sum, report) => sum + (report.nonFinite[k] ?? 0), 0),
	);
	const overflow = reports.reduce((sum, report) => sum + report.overflow, 0);
	if (nonFinite === undefined || (overflow === 0 && nonFinite.every((count) => count === 0))) return undefined;
	return { nonFinite, overflow };
}
